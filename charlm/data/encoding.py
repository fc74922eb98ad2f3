"""Text → symbol numbers, with a stated answer to what the vocabulary does not have."""

import unicodedata
from typing import Literal, NamedTuple

from charlm.errors import ConfigError, UnknownCharacterError
from charlm.tokenizers import Ids, Tokenizer

_FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")  # é as one code point, or as e and an accent
UnknownPolicy = Literal["unk", "error", "skip"]


class Encoded(NamedTuple):
    """ids encode `text`; `skipped` are the characters of the original that `skip` left out."""

    text: str
    ids: Ids
    skipped: str = ""


def encode(tokenizer: Tokenizer, text: str, unknown: UnknownPolicy, before: int = 0) -> Encoded:
    """Encode; characters without a symbol become UNK ("unk"), are left out ("skip"), or are refused ("error").

    before: characters of a longer text that come before this part of it.

    Raises UnknownCharacterError, which names the first of them with its code point and offset.
    """
    if unknown not in ("unk", "error", "skip"):
        raise ConfigError(f"unknown is {unknown!r}; it must be unk, error or skip")
    first = tokenizer.first_unknown(text)
    if first is None or unknown == "unk":
        return Encoded(text, tokenizer.encode(text))
    if unknown == "error":
        raise UnknownCharacterError(
            f"the model has no symbol for {describe(first.text)} at character {before + first.position + 1:,} of"
            f" the text; leave it out, or say --unknown unk or skip{other_form(tokenizer, text)}"
        )
    kept = tokenizer.without_unknown(text)
    skipped = "".join(character for character in text if tokenizer.first_unknown(character))
    return Encoded(kept, tokenizer.encode(kept), skipped)


def other_form(tokenizer: Tokenizer, text: str) -> str:
    """An advice, where a text is unknown only because it writes accents in the other of Unicode's two ways; else ""."""
    unknown = tokenizer.count_unknown(text)
    for form in _FORMS:
        if tokenizer.count_unknown(unicodedata.normalize(form, text)) < unknown:
            return f"; the model knows more of it in Unicode's form {form}: convert the text (uconv -x {form})"
    return ""


def describe(character: str) -> str:
    """'é' (U+00E9); a control character by its code point alone; a word as it is."""
    if len(character) > 1:
        return repr(character)
    code = f"U+{ord(character):04X}"
    return f"{character!r} ({code})" if character.isprintable() else code
