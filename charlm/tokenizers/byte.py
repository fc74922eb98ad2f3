"""Bytes: one token for each byte of UTF-8, so that no text is unknown."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charlm.config import ModelConfig, TextMode
from charlm.progress import OnProgress, ignore
from charlm.tokenizers import SURROGATE, Ids, Tokenizer

_FIRST = len(Tokenizer.CONTROL)  # id of byte 0
_NEWLINE = ord("\n")


class ByteTokenizer(Tokenizer):
    """256 byte tokens; training learns nothing. Only a lone surrogate, which has no bytes, is UNK."""

    NOUN = "byte"
    HAS_BYTE_TOKENS = True

    @classmethod
    def train(
        cls,
        texts: Iterable[Iterable[str]],
        config: ModelConfig,
        *,
        mode: TextMode = TextMode.STREAM,
        on_progress: OnProgress = ignore,
    ) -> "ByteTokenizer":
        return cls()

    @classmethod
    def from_json(cls, values: Any) -> "ByteTokenizer":
        if values != {"bytes": 256}:
            raise ValueError("it must contain one number, 'bytes', with the value 256")
        return cls()

    def to_json(self) -> dict[str, Any]:
        return {"bytes": 256}

    @property
    def size(self) -> int:
        return _FIRST + 256

    def encode(self, text: str) -> Ids:
        if SURROGATE.search(text) is None:
            return _byte_ids(text)
        known = list(map(_byte_ids, SURROGATE.split(text)))
        unknown = np.array([self.UNK], dtype=np.int32)
        return np.concatenate([known[0], *(part for each in known[1:] for part in (unknown, each))])

    def encode_pieces(self, pieces: Iterable[str], *, mode: TextMode = TextMode.STREAM) -> Iterator[Ids]:
        for piece in pieces:
            ids = self.encode(piece)
            if mode == TextMode.LINE:
                ids[ids == _FIRST + _NEWLINE] = self.EOS
            yield ids

    def decode(self, ids: Iterable[int]) -> str:
        array = np.fromiter(ids, dtype=np.int64)
        parts = np.split(array, np.flatnonzero(array < _FIRST))  # all but the first begin with a control token
        marks = (self.REPLACEMENT if len(part) and part[0] == self.UNK else "" for part in parts)
        return "".join([mark + _text(part) for mark, part in zip(marks, parts, strict=True)])

    def lengths(self, text: str, ids: Ids) -> NDArray[np.int64]:
        """Count a character at its last byte: the byte before one that does not continue a character."""
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


def _byte_ids(text: str) -> Ids:
    return np.frombuffer(text.encode(), dtype=np.uint8).astype(np.int32) + np.int32(_FIRST)


def _text(ids: NDArray[np.int64]) -> str:
    return (ids[ids >= _FIRST] - _FIRST).astype(np.uint8).tobytes().decode("utf-8", "replace")
