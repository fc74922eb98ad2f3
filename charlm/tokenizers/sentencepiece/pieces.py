"""Pieces of a sentencepiece model: texts with their scores, and the 256 bytes.

A piece is (text, score), or the number of a byte; bytes encode characters without a piece. charlm writes a space as a
space, not as ▁, and always gives it a piece; otherwise sentencepiece would encode it as the bytes of ▁.
"""

import re
from collections.abc import Sequence
from typing import Any

from charlm.tokenizers.sentencepiece.chunks import WITHHELD

TYPES = ("unigram", "bpe")
MOST = 2**20
LONGEST = 256  # characters of a piece; sentencepiece has crashed on long ones
LARGEST_SCORE = 2.0**24
NAME_OF_A_BYTE = re.compile("<0x([0-9A-F]{2})>")  # as sentencepiece writes a byte

Piece = tuple[str, float] | int


def check(model_type: Any, pieces: Sequence[Any]) -> list[Piece]:
    """Return the pieces of a file if sentencepiece can use them. Raises ValueError, which says what is wrong."""
    if model_type not in TYPES:
        raise ValueError(f"'model_type' must be {' or '.join(TYPES)}")
    if len(pieces) > MOST:
        raise ValueError(f"'pieces' must have at most {MOST:,} entries")
    checked: list[Piece] = list(map(_piece, pieces))
    names = [piece if isinstance(piece, int) else piece[0] for piece in checked]
    if len(set(names)) < len(names):
        raise ValueError("'pieces' contains a piece twice")
    if complete(checked) != checked:
        raise ValueError("'pieces' must contain all 256 bytes and the space")
    return checked


def complete(pieces: list[Piece]) -> list[Piece]:
    """Append the bytes and the space that are missing."""
    names = {piece if isinstance(piece, int) else piece[0] for piece in pieces}
    least = min((piece[1] for piece in pieces if not isinstance(piece, int)), default=0.0)
    space: list[Piece] = [] if " " in names else [(" ", least)]
    return pieces + [byte for byte in range(256) if byte not in names] + space


def is_text(text: str) -> bool:
    """Return whether a piece may have this text: one that can occur in a chunk that sentencepiece sees."""
    return 0 < len(text) <= LONGEST and WITHHELD.isdisjoint(text) and not NAME_OF_A_BYTE.fullmatch(text)


def _piece(value: Any) -> Piece:
    match value:
        case bool():
            pass
        case int() if 0 <= value < 256:
            return value
        case [str() as text, int() | float() as score] if is_text(text) and abs(score) <= LARGEST_SCORE:
            return text, float(score)
    raise ValueError(f"'pieces' contains {str(value)[:40]!r}, which is neither a byte nor a text with its score")
