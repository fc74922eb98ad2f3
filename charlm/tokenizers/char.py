"""Characters: one token for each Unicode code point of the training text, in ascending order."""

import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charlm.config import ModelConfig, TextMode
from charlm.progress import OnProgress, ignore
from charlm.tokenizers import Ids, Tokenizer

_NEWLINE = ord("\n")


class CharTokenizer(Tokenizer):
    """`characters` is the vocabulary in ascending order, without the control tokens."""

    NOUN = "character"
    NEEDS_SPACES = True
    SETTINGS = frozenset({"min_count"})

    def __init__(self, characters: str) -> None:
        points = [ord(character) for character in characters]
        self.characters = characters
        # Code point → id, up to the largest code point, so that one indexing encodes a whole text.
        self._index = np.zeros(max(points, default=0) + 2, dtype=np.int32)
        self._index[points] = np.arange(len(points), dtype=np.int32) + len(self.CONTROL)
        self._points = np.array([ord(self.REPLACEMENT), 0, 0, *points], dtype="<u4")  # id → code point

    @classmethod
    def train(
        cls,
        texts: Iterable[Iterable[str]],
        config: ModelConfig,
        *,
        mode: TextMode = TextMode.STREAM,
        on_progress: OnProgress = ignore,
    ) -> "CharTokenizer":
        """Give a token to every character that occurs at least `min_count` times (default 1)."""
        pieces = map(_code_points, chain.from_iterable(texts))
        seen = _seen(pieces) if config.min_count in (None, 1) else _count(pieces) >= config.min_count
        if mode == TextMode.LINE:
            seen[_NEWLINE] = False
        return cls("".join(map(chr, np.flatnonzero(seen))))

    @classmethod
    def from_json(cls, values: Any) -> "CharTokenizer":
        if not isinstance(values, dict) or set(values) != {"characters"} or not isinstance(values["characters"], str):
            raise ValueError("it must contain one string, 'characters'")
        characters = values["characters"]
        if list(characters) != sorted(set(characters)):
            raise ValueError("'characters' must be in ascending order, each only once")
        return cls(characters)

    def to_json(self) -> dict[str, Any]:
        return {"characters": self.characters}

    @property
    def size(self) -> int:
        return len(self.CONTROL) + len(self.characters)

    def encode(self, text: str) -> Ids:
        points = _code_points(text)
        ids: Ids = np.take(self._index, points, mode="clip")  # larger code points get the last entry, UNK
        return ids

    def encode_pieces(self, pieces: Iterable[str], *, mode: TextMode = TextMode.STREAM) -> Iterator[Ids]:
        for piece in pieces:
            ids = self.encode(piece)
            if mode == TextMode.LINE:
                np.putmask(ids, _code_points(piece) == _NEWLINE, self.EOS)
            yield ids

    def decode(self, ids: Iterable[int]) -> str:
        array = np.fromiter(ids, dtype=np.int64)
        shown = array[(array != self.START) & (array != self.EOS)]
        return bytes(self._points[shown]).decode("utf-32-le", "surrogatepass")

    def token_text(self, index: int) -> str | None:
        return self.characters[index - len(self.CONTROL)] if index >= len(self.CONTROL) else None

    def lengths(self, text: str, ids: Ids) -> NDArray[np.int64]:
        return np.ones(len(ids), dtype=np.int64)


def _seen(pieces: Iterable[NDArray[np.uint32]]) -> NDArray[np.bool_]:
    """Return which code points occur."""
    seen = np.zeros(sys.maxunicode + 1, dtype=bool)
    for points in pieces:
        seen[points[~np.take(seen, points, mode="clip")]] = True  # a read is faster than a write
    return seen


def _count(pieces: Iterable[NDArray[np.uint32]]) -> NDArray[np.int64]:
    """Return how often each code point occurs."""
    counts = np.zeros(sys.maxunicode + 1, dtype=np.int64)
    for points in pieces:
        some = np.bincount(points)
        counts[: len(some)] += some
    return counts


def _code_points(text: str) -> NDArray[np.uint32]:
    """Return the code points (n,) of a text, which may contain lone surrogates."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
