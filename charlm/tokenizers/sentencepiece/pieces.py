"""What of a sentencepiece model charlm keeps: pieces of text with their scores, and the 256 bytes; all else is known.

A piece is (text, score), or a number: a byte, of which what has no piece is made. A space is a space here, and always
a piece: sentencepiece would make it of the bytes of what it writes for one.
"""

import re
from collections.abc import Sequence
from typing import Any

from charlm.tokenizers.sentencepiece.chunks import WITHHELD

TYPES = ("unigram", "bpe")
MOST = 2**20
LONGEST = 256  # characters of one; sentencepiece has crashed on long ones
LARGEST_SCORE = 2.0**24
NAME_OF_A_BYTE = re.compile("<0x([0-9A-F]{2})>")  # as sentencepiece writes it

Piece = tuple[str, float] | int


def check(model_type: Any, pieces: Sequence[Any]) -> list[Piece]:
    """The pieces of a file, known to be such that sentencepiece takes them. Raises ValueError, with what is wrong."""
    if model_type not in TYPES:
        raise ValueError(f"'model_type' should be {' or '.join(TYPES)}")
    if len(pieces) > MOST:
        raise ValueError(f"'pieces' should be no more than {MOST:,}")
    found: list[Piece] = list(map(_piece, pieces))
    names = [piece if isinstance(piece, int) else piece[0] for piece in found]
    if len(set(names)) < len(names):
        raise ValueError("'pieces' has one twice")
    if complete(found) != found:
        raise ValueError("'pieces' should have all 256 bytes, and the space")
    return found


def complete(pieces: list[Piece]) -> list[Piece]:
    """With the bytes and the space, at their end where they are missing."""
    names = {piece if isinstance(piece, int) else piece[0] for piece in pieces}
    least = min((piece[1] for piece in pieces if not isinstance(piece, int)), default=0.0)
    space: list[Piece] = [] if " " in names else [(" ", least)]
    return pieces + [byte for byte in range(256) if byte not in names] + space


def is_text(text: str) -> bool:
    """Whether this can be a piece: something that is there in a text as sentencepiece sees it."""
    return 0 < len(text) <= LONGEST and WITHHELD.isdisjoint(text) and not NAME_OF_A_BYTE.fullmatch(text)


def _piece(value: Any) -> Piece:
    match value:
        case bool():
            pass
        case int() if 0 <= value < 256:
            return value
        case [str() as text, int() | float() as score] if is_text(text) and abs(score) <= LARGEST_SCORE:
            return text, float(score)
    raise ValueError(f"'pieces' has {str(value)[:40]!r}, which is neither a byte nor a text with its score")
