"""Text → symbol numbers, with a stated answer to what the vocabulary does not have."""

import unicodedata
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charlm.config import check_choice
from charlm.errors import UnknownCharacterError
from charlm.tokenizers import Ids, Tokenizer, select_text

_FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")  # é as one code point, or as e and an accent
UnknownPolicy = Literal["unk", "error", "skip"]


class Encoded(NamedTuple):
    """ids encode `text`; `lengths`: how many characters each completes; `skipped`: those that were left out."""

    text: str
    ids: Ids
    lengths: NDArray[np.int64]
    skipped: str = ""

    def rest(self, count: int) -> "Encoded":
        """What comes after so many of the ids."""
        return Encoded(self.text[int(self.lengths[:count].sum()) :], self.ids[count:], self.lengths[count:])

    def followed(self, by: "Encoded") -> "Encoded":
        """This and what comes next, of which alone it is told what was left out."""
        ids, lengths = np.concatenate((self.ids, by.ids)), np.concatenate((self.lengths, by.lengths))
        return Encoded(self.text + by.text, ids, lengths, by.skipped)


def encode(tokenizer: Tokenizer, text: str, unknown: UnknownPolicy, before: int = 0) -> Encoded:
    """Encode; what has no symbol becomes UNK ("unk"), is left out ("skip"), or is refused ("error").

    before: characters of a longer text that come before this part of it.

    Raises UnknownCharacterError, which names the first of what has none with its code point and offset.
    """
    check_choice("unknown", unknown, ("unk", "error", "skip"))
    ids = tokenizer.encode(text)
    lengths = tokenizer.lengths(text, ids)
    known = ids != tokenizer.UNK
    if unknown == "unk" or known.all():
        return Encoded(text, ids, lengths)
    first = tokenizer.first_unknown(text)
    if unknown == "error" and first is not None:
        raise UnknownCharacterError(
            f"the model has no symbol for {describe(first.text)} at character {before + first.position + 1:,} of"
            f" the text; leave it out, or say --unknown unk or skip{other_form(tokenizer, text)}"
        )
    kept, skipped = ("".join(select_text(text, lengths, chosen)) for chosen in (known, ~known))
    return Encoded(kept, ids[known], lengths[known], skipped)


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
