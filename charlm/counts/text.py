"""A text to count or to look up: concatenated sequences of token ids, each with its START."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charlm.tokenizers import Tokenizer

Integers = NDArray[np.int64]


class Text(NamedTuple):
    """Token ids (N,) in the smallest type, and the number of tokens of context of each, capped, (N,).

    The context of a token goes back to the START of its sequence, and includes it. START itself has no context.
    """

    ids: NDArray[Any]
    context: NDArray[np.uint8]


def id_type(size: int) -> np.dtype[Any]:
    """Return the smallest type that holds every id of a vocabulary, and every number of its tokens."""
    return np.dtype("<u1" if size <= 0xFF else "<u2" if size <= 0xFFFF else "<u4")


def text_of(ids: NDArray[Any], size: int, longest: int, begins: Integers | None = None) -> Text:
    """Return the text of ids (N,), in which each START begins a sequence; contexts are at most `longest` tokens.

    If the first id is not START, the tokens before it are unknown, and so are those before the offsets `begins`.
    """
    ids = np.ascontiguousarray(ids, dtype=id_type(size))
    offsets = np.arange(len(ids), dtype=np.int32 if len(ids) < 2**31 else np.int64)
    begin = ids == Tokenizer.START
    if begins is not None:
        begin[begins] = True
    before = np.maximum.accumulate(np.where(begin, offsets, 0))
    return Text(ids, np.minimum(offsets - before, longest).astype(np.uint8))


def with_starts(ids: NDArray[Any], starts: Integers, size: int, longest: int) -> Text:
    """Return the text of ids (N,) without START, whose sequences begin at the offsets `starts`."""
    ids = np.insert(np.asarray(ids, dtype=id_type(size)), starts, Tokenizer.START)
    return text_of(ids, size, longest)


def block_ends(text: Text, blocks: int) -> Integers:
    """Return the offsets (B,) at which contiguous blocks of a text end, of the same number of tokens but START."""
    starts = np.flatnonzero(text.ids == Tokenizer.START)
    tokens = len(text.ids) - len(starts)
    begins = -(-np.arange(1, blocks + 1) * tokens // max(1, blocks))  # tokens before the end of each block
    return begins + np.searchsorted(starts - np.arange(len(starts)), begins, side="right")
