"""Bytes: one token for each byte, so that no text is unknown.

A text need not be UTF-8: a string holds other bytes as lone surrogates (`charlm.raw_bytes`). A model that learned such
bytes writes them too. Any other model writes U+FFFD for bytes that form no character.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charlm import raw_bytes
from charlm.config import ModelConfig, TextMode
from charlm.progress import OnProgress, ignore
from charlm.tokenizers import Ids, Tokenizer

_WITHOUT_BYTES = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # the lone surrogates that stand for no byte
_FIRST = len(Tokenizer.CONTROL)  # id of byte 0
_NEWLINE = ord("\n")


class ByteTokenizer(Tokenizer):
    """256 byte tokens. Only a lone surrogate that stands for no byte is UNK.

    utf8: whether the training text is UTF-8. If not, `decode` keeps bytes that form no character.
    """

    NOUN = "byte"
    HAS_BYTE_TOKENS = True
    READS_ANY_BYTES = True
    NEEDS_SPACES = True

    def __init__(self, *, utf8: bool = True) -> None:
        self._utf8 = utf8
        if not utf8:
            self.decode_errors = raw_bytes.ERRORS

    @classmethod
    def train(
        cls,
        texts: Iterable[Iterable[str]],
        config: ModelConfig,
        *,
        mode: TextMode = TextMode.STREAM,
        on_progress: OnProgress = ignore,
    ) -> "ByteTokenizer":
        return cls(utf8=not any(raw_bytes.has_raw_bytes(piece) for text in texts for piece in text))

    @classmethod
    def from_json(cls, values: Any) -> "ByteTokenizer":
        if values not in ({"bytes": 256}, {"bytes": 256, "utf8": False}):
            raise ValueError("it must contain the number 'bytes' with the value 256, and may contain 'utf8': false")
        return cls(utf8=values.get("utf8", True))

    def to_json(self) -> dict[str, Any]:
        return {"bytes": 256} | ({} if self._utf8 else {"utf8": False})

    @property
    def size(self) -> int:
        return _FIRST + 256

    def encode(self, text: str) -> Ids:
        if _WITHOUT_BYTES.search(text) is None:
            return _byte_ids(text)
        known = list(map(_byte_ids, _WITHOUT_BYTES.split(text)))
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
        return "".join([mark + self._text(part) for mark, part in zip(marks, parts, strict=True)])

    def lengths(self, text: str, ids: Ids) -> NDArray[np.int64]:
        """Count a character at its last byte."""
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        widths = 1 + (points >= 0x80) + (points >= 0x800) + (points >= 0x10000).astype(np.int64)
        widths[(points >= 0xD800) & (points < 0xE000)] = 1  # a byte that is not UTF-8, or UNK
        lengths = np.zeros(len(ids), dtype=np.int64)
        lengths[np.cumsum(widths) - 1] = 1
        return lengths

    def token_text(self, index: int) -> str | None:
        if index < _FIRST:
            return None
        return chr(index - _FIRST) if index < _FIRST + 0x80 else f"<0x{index - _FIRST:02X}>"

    def token_bytes(self, index: int) -> bytes:
        return bytes((index - _FIRST,)) if index >= _FIRST else b""

    def fallback_tokens(self) -> NDArray[np.bool_]:
        return np.arange(self.size) >= _FIRST

    def _text(self, ids: NDArray[np.int64]) -> str:
        return (ids[ids >= _FIRST] - _FIRST).astype(np.uint8).tobytes().decode("utf-8", self.decode_errors)


def _byte_ids(text: str) -> Ids:
    return np.frombuffer(raw_bytes.to_bytes(text), dtype=np.uint8).astype(np.int32) + np.int32(_FIRST)
