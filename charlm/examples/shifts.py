"""Parallel texts of different length: the first line that has no counterpart."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def first_shifted_line(shorter: Sequence[str], longer: Sequence[str]) -> int:
    """Return the line, counted from 1, from which two texts fit better if the rest of the longer one is moved up.

    Lines fit if their lengths have the usual ratio, and if both or none are blank. The excess of the longer text is
    taken to be in one place; it is after the end of the shorter text if nothing fits better.
    """
    count, excess = len(shorter), len(longer) - len(shorter)
    short, long = (np.array([len(line.strip()) for line in lines], float) for lines in (shorter, longer))
    if not count:
        return 1
    ratio = np.median(np.log1p(long[:count]) - np.log1p(short))

    def misfit(long_lengths: NDArray[np.float64]) -> NDArray[np.float64]:
        distance: NDArray[np.float64] = np.abs(np.log1p(long_lengths) - np.log1p(short) - ratio)
        return distance

    before = np.concatenate([[0.0], np.cumsum(misfit(long[:count]))])
    after = np.concatenate([np.cumsum(misfit(long[excess:])[::-1])[::-1], [0.0]])
    total = before + after  # of a shift in front of line i
    best = total.min() + 1e-9
    return int(np.flatnonzero(total <= best)[-1]) + 1
