"""The part of a text that is counted, if counting all of it would take too long or too much memory."""

from typing import NamedTuple

import numpy as np

from charlm.counts.text import Integers

_PARTS = 16


class Part(NamedTuple):
    """The tokens from `first` up to `last`, which is not included."""

    first: int
    last: int


def counted_parts(size: int, starts: Integers, tokens: int) -> list[Part]:
    """Return evenly spread parts of a text of `size` tokens, with `tokens` tokens in all; 0 means all of the text.

    A part begins where a sequence begins, if one begins in the first half of the part.
    """
    if not tokens or tokens >= size:
        return [Part(0, size)]
    parts: list[Part] = []
    for index in range(_PARTS):
        first = max(size * index // _PARTS, parts[-1].last if parts else 0)
        length = tokens * (index + 1) // _PARTS - tokens * index // _PARTS
        start = int(starts[min(int(np.searchsorted(starts, first)), len(starts) - 1)])
        if first <= start <= min(first + length // 2, size - length):
            first = start
        if length:
            parts.append(Part(first, min(first + length, size)))
    return parts
