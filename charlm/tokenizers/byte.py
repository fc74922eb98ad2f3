"""Bytes: a symbol for each of the 256 values, so that no text is unknown; characters are read as UTF-8."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charlm.config import ModelConfig
from charlm.progress import OnProgress, ignore
from charlm.tokenizers import Ids, Tokenizer

_FIRST = len(Tokenizer.CONTROL)  # the number of byte 0
_NEWLINE = ord("\n")
_SURROGATE = re.compile("[\ud800-\udfff]")  # half of a character of UTF-16, which a Python string may hold


class ByteTokenizer(Tokenizer):
    """Nothing is learned. A lone surrogate, which is no character and has no bytes, is the one thing that is UNK."""

    HAS_BYTE_TOKENS = True

    @classmethod
    def train(
        cls,
        texts: Iterable[Iterable[str]],
        config: ModelConfig,
        *,
        lines: bool = False,
        on_progress: OnProgress = ignore,
    ) -> "ByteTokenizer":
        return cls()

    @classmethod
    def from_json(cls, values: Any) -> "ByteTokenizer":
        if values != {"bytes": 256}:
            raise ValueError("it should hold one number, 'bytes', which is 256")
        return cls()

    def to_json(self) -> dict[str, Any]:
        return {"bytes": 256}

    @property
    def size(self) -> int:
        return _FIRST + 256

    def encode(self, text: str) -> Ids:
        if _SURROGATE.search(text) is None:
            return _numbers(text)
        known = list(map(_numbers, _SURROGATE.split(text)))
        unknown = np.array([self.UNK], dtype=np.int32)
        return np.concatenate([known[0], *(part for each in known[1:] for part in (unknown, each))])

    def encode_pieces(self, pieces: Iterable[str], *, lines: bool = False) -> Iterator[Ids]:
        for piece in pieces:
            ids = self.encode(piece)
            if lines:
                ids[ids == _FIRST + _NEWLINE] = self.EOS
            yield ids

    def decode(self, ids: Iterable[int]) -> str:
        numbers = np.fromiter(ids, dtype=np.int64)
        parts = np.split(numbers, np.flatnonzero(numbers < _FIRST))  # each but the first begins with a control symbol
        marks = (self.REPLACEMENT if len(part) and part[0] == self.UNK else "" for part in parts)
        return "".join([mark + _text(part) for mark, part in zip(marks, parts, strict=True)])

    def lengths(self, text: str, ids: Ids) -> NDArray[np.int64]:
        """A character is there with its last byte, after which comes none of those that continue one."""
        lengths = np.ones(len(ids), dtype=np.int64)
        lengths[:-1][(ids[1:] >= _FIRST + 0x80) & (ids[1:] < _FIRST + 0xC0)] = 0
        return lengths

    def token_text(self, index: int) -> str | None:
        if index < _FIRST:
            return None
        return chr(index - _FIRST) if index < _FIRST + 0x80 else f"<0x{index - _FIRST:02X}>"

    def token_bytes(self, index: int) -> bytes:
        return bytes((index - _FIRST,)) if index >= _FIRST else b""

    def fallback_tokens(self) -> NDArray[np.bool_]:
        return np.arange(self.size) >= _FIRST


def _numbers(text: str) -> Ids:
    return np.frombuffer(text.encode(), dtype=np.uint8).astype(np.int32) + np.int32(_FIRST)


def _text(numbers: NDArray[np.int64]) -> str:
    return (numbers[numbers >= _FIRST] - _FIRST).astype(np.uint8).tobytes().decode("utf-8", "replace")
