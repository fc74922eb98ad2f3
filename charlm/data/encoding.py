"""Encode text, and handle characters that the vocabulary does not have."""

import unicodedata
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charlm import raw_bytes
from charlm.errors import UnknownCharacterError
from charlm.settings import check_choice
from charlm.tokenizers import Ids, Tokenizer, select_text

_FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")  # é as one code point, or as e and a combining accent
_CONVERTER = "perl -CSD -MUnicode::Normalize -pe '$_ = {}($_)'"
UnknownPolicy = Literal["unk", "error", "skip"]


class Encoded(NamedTuple):
    """A text and its encoding: `ids` (n,), the characters that each completes, and the characters left out."""

    text: str
    ids: Ids
    lengths: NDArray[np.int64]
    skipped: str = ""

    def first(self, count: int) -> "Encoded":
        """Return the part of the first `count` ids."""
        return Encoded(self.text[: int(self.lengths[:count].sum())], self.ids[:count], self.lengths[:count])

    def rest(self, count: int) -> "Encoded":
        """Return the part after the first `count` ids."""
        return Encoded(self.text[int(self.lengths[:count].sum()) :], self.ids[count:], self.lengths[count:])

    def followed(self, by: "Encoded") -> "Encoded":
        """Join this and the next part of a text; `skipped` is that of the next part."""
        ids, lengths = np.concatenate((self.ids, by.ids)), np.concatenate((self.lengths, by.lengths))
        return Encoded(self.text + by.text, ids, lengths, by.skipped)


def encode(tokenizer: Tokenizer, text: str, unknown: UnknownPolicy, before: int = 0) -> Encoded:
    """Encode a text; an unknown character or word becomes UNK ("unk"), is left out ("skip"), or raises ("error").

    before: number of characters before this part in a longer text, for the error message.

    Raises UnknownCharacterError, which names the first unknown character with its code point and offset.
    """
    ids = tokenizer.encode(text)
    return apply_policy(tokenizer, Encoded(text, ids, tokenizer.lengths(text, ids)), unknown, before)


def apply_policy(tokenizer: Tokenizer, encoded: Encoded, unknown: UnknownPolicy, before: int = 0) -> Encoded:
    """Keep, leave out, or refuse the unknown characters of a text that is encoded already; see `encode`."""
    check_choice("unknown", unknown, ("unk", "error", "skip"))
    text, ids, lengths, _ = encoded
    known = ids != tokenizer.UNK
    if unknown == "unk" or known.all():
        return encoded
    if unknown == "error":
        first = int(np.argmin(known))
        start = int(lengths[:first].sum())
        character = text[start : start + int(lengths[first])]
        raise UnknownCharacterError(
            f"the model does not know {describe(character)}, character {max(1, before + start + 1):,} of the text"
            f"{other_form(tokenizer, text)}",
            remedy="unknown",
        )
    kept, skipped = ("".join(select_text(text, lengths, chosen)) for chosen in (known, ~known))
    return Encoded(kept, ids[known], lengths[known], skipped)


def other_form(tokenizer: Tokenizer, text: str) -> str:
    """Suggest the other Unicode form of accents if more of the text is known in it; otherwise return ""."""
    unknown = tokenizer.count_unknown(text)
    for form in _FORMS:
        if tokenizer.count_unknown(unicodedata.normalize(form, text)) < unknown:
            return f"; more of it is known in Unicode form {form}: convert the text: {_CONVERTER.format(form)}"
    return ""


def describe(character: str) -> str:
    """Return `'é' (U+00E9)`; only the code point of a control character; a word in quotes; a byte that is not UTF-8."""
    if len(character) > 1:
        return repr(character)
    if raw_bytes.has_raw_bytes(character):
        return f"the byte {raw_bytes.byte_of(character):#04x}"
    code = f"U+{ord(character):04X}"
    return f"{character!r} ({code})" if character.isprintable() else code
