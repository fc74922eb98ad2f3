"""Characters: a symbol for each Unicode code point of the training text, in code point order."""

import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charlm.config import ModelConfig
from charlm.progress import OnProgress, ignore
from charlm.tokenizers import Ids, Tokenizer

_NEWLINE = ord("\n")


class CharTokenizer(Tokenizer):
    """`characters`: the vocabulary in ascending order, without the control symbols."""

    def __init__(self, characters: str) -> None:
        points = [ord(character) for character in characters]
        self.characters = characters
        # Code point → symbol number, as wide as the largest one met: a look-up is one indexing of the whole text.
        self._index = np.zeros(max(points, default=0) + 2, dtype=np.int32)
        self._index[points] = np.arange(len(points), dtype=np.int32) + len(self.CONTROL)
        self._points = np.array([ord(self.REPLACEMENT), 0, 0, *points], dtype="<u4")  # symbol number → code point

    SETTINGS = frozenset({"min_count"})

    @classmethod
    def train(
        cls,
        texts: Iterable[Iterable[str]],
        config: ModelConfig,
        *,
        lines: bool = False,
        on_progress: OnProgress = ignore,
    ) -> "CharTokenizer":
        """Characters that are rarer than `min_count` (default 1) have no symbol."""
        pieces = map(_code_points, chain.from_iterable(texts))
        seen = _seen(pieces) if config.min_count in (None, 1) else _count(pieces) >= config.min_count
        if lines:
            seen[_NEWLINE] = False
        return cls("".join(map(chr, np.flatnonzero(seen))))

    @classmethod
    def from_json(cls, values: Any) -> "CharTokenizer":
        if not isinstance(values, dict) or set(values) != {"characters"} or not isinstance(values["characters"], str):
            raise ValueError("it should hold one string, 'characters'")
        characters = values["characters"]
        if list(characters) != sorted(set(characters)):
            raise ValueError("'characters' should be in ascending order, each once")
        return cls(characters)

    def to_json(self) -> dict[str, Any]:
        return {"characters": self.characters}

    @property
    def size(self) -> int:
        return len(self.CONTROL) + len(self.characters)

    def encode(self, text: str) -> Ids:
        points = _code_points(text)
        ids: Ids = np.take(self._index, points, mode="clip")  # the last entry is always UNK
        return ids

    def encode_pieces(self, pieces: Iterable[str], *, lines: bool = False) -> Iterator[Ids]:
        for piece in pieces:
            ids = self.encode(piece)
            if lines:
                np.putmask(ids, _code_points(piece) == _NEWLINE, self.EOS)
            yield ids

    def decode(self, ids: Iterable[int]) -> str:
        numbers = np.fromiter(ids, dtype=np.int64)
        shown = numbers[(numbers != self.START) & (numbers != self.EOS)]
        return bytes(self._points[shown]).decode("utf-32-le", "surrogatepass")

    def token_text(self, index: int) -> str | None:
        return self.characters[index - len(self.CONTROL)] if index >= len(self.CONTROL) else None

    def lengths(self, text: str, ids: Ids) -> NDArray[np.int64]:
        return np.ones(len(ids), dtype=np.int64)


def _seen(pieces: Iterable[NDArray[np.uint32]]) -> NDArray[np.bool_]:
    """Which code points there are."""
    seen = np.zeros(sys.maxunicode + 1, dtype=bool)
    for points in pieces:
        seen[points[~np.take(seen, points, mode="clip")]] = True  # to look is faster than to write
    return seen


def _count(pieces: Iterable[NDArray[np.uint32]]) -> NDArray[np.int64]:
    """How often each code point is there."""
    counts = np.zeros(sys.maxunicode + 1, dtype=np.int64)
    for points in pieces:
        found = np.bincount(points)
        counts[: len(found)] += found
    return counts


def _code_points(text: str) -> NDArray[np.uint32]:
    """(n,) code points, lone surrogates included, as a Python string may hold them."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
