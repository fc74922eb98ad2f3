"""For each token of a vocabulary, its counterpart in another one: the same text, or a similar one."""

import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charlm.tokenizers import Tokenizer
from charlm.wording import plural

_NONE = -1
_NEWLINE = "\n"


@dataclass(frozen=True)
class Counterparts:
    """What the tokens of a new vocabulary start as.

    inputs, outputs: for each token (V,), the id of the known token whose row it takes where it is read, and where it is
    predicted; -1 for none. known: number of tokens with the same text. similar: pairs of a new token and its
    counterpart. without: number of tokens that have no counterpart. Control tokens are not counted.
    """

    inputs: NDArray[np.int64]
    outputs: NDArray[np.int64]
    known: int
    similar: tuple[tuple[str, str], ...]
    without: int

    def __str__(self) -> str:
        total = self.known + len(self.similar) + self.without
        if self.known == total:
            return f"all {total:,} tokens are known"
        parts = [f"{self.known:,} of {plural(total, 'token')} known"]
        if self.similar:
            new, old = self.similar[0]
            parts.append(f"{len(self.similar):,} like a similar one, such as {new!r} like {old!r}")
        if self.without:
            parts.append(f"{self.without:,} at the mean")
        return ", ".join(parts)


def counterparts(old: Tokenizer, new: Tokenizer) -> Counterparts:
    """Find the counterpart in `old` of each token of `new`.

    A token with the same text is the counterpart. Otherwise, it is one in other case, or without its accents, or
    without the spaces around it. In line mode, no token is a newline. There the start token is read where a line
    begins, and the end token is predicted where one ends, so these are the counterparts of a newline.
    """
    ids = {key: index for index, key in enumerate(_keys(old)) if index >= len(Tokenizer.CONTROL)}
    texts = {text: index for index, text in reversed(list(_texts(old)))}
    inputs = np.full(new.size, _NONE, dtype=np.int64)
    inputs[: len(Tokenizer.CONTROL)] = range(len(Tokenizer.CONTROL))
    outputs, similar, known = inputs.copy(), [], 0
    if _NEWLINE in texts:
        outputs[Tokenizer.EOS] = texts[_NEWLINE]
    new_texts = dict(_texts(new))
    for index, key in enumerate(_keys(new)):
        if index < len(Tokenizer.CONTROL):
            continue
        text = new_texts.get(index, "")
        same = ids.get(key, ids.get((key[0], 0)))
        if same is not None:
            inputs[index] = outputs[index] = same
            known += 1
        elif text == _NEWLINE:
            inputs[index], outputs[index] = Tokenizer.START, Tokenizer.EOS
            similar.append((text, Tokenizer.CONTROL[Tokenizer.EOS]))
        elif near := next((each for each in _similar(text) if each in texts), None):
            inputs[index] = outputs[index] = texts[near]
            similar.append((text, near))
    without = new.size - len(Tokenizer.CONTROL) - known - len(similar)
    return Counterparts(inputs, outputs, known, tuple(similar), without)


def _keys(tokenizer: Tokenizer) -> Iterator[tuple[bytes, int]]:
    """Yield the bytes of each token, and how many tokens before it have the same: a byte may be a piece as well."""
    seen = Counter[bytes]()
    for index in range(tokenizer.size):
        data = tokenizer.token_bytes(index)
        yield data, seen[data]
        seen[data] += 1


def _texts(tokenizer: Tokenizer) -> Iterator[tuple[int, str]]:
    """Yield the id and the text of each token that is a whole text."""
    for index in range(len(Tokenizer.CONTROL), tokenizer.size):
        text = tokenizer.token_text(index)
        if text is not None and text.encode("utf-8", "surrogatepass") == tokenizer.token_bytes(index):
            yield index, text


def _similar(text: str) -> Iterator[str]:
    """Yield texts that stand for nearly the same, the nearest first."""
    for each in (text, _without_accents(text)):
        for spaced in (each, each.strip(" "), f" {each}"):
            yield from (spaced, spaced.lower(), spaced.upper(), spaced.title())


def _without_accents(text: str) -> str:
    return "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
