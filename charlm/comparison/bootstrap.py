"""Compute how certain a difference between two models is, from the lines on which both were measured.

The paired bootstrap draws as many lines as there are, with replacement, and computes the difference on them. The middle
95 % of the differences from many draws are the interval (Efron & Tibshirani 1993, chapter 13; Koehn 2004, "Statistical
significance tests for machine translation evaluation").
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charlm.randomness import uniform

DRAWS = 2_000
_MAX_UNITS = 10_000  # to draw from; neighboring lines are summed up if there are more
_SEED = 0


def interval(differences: ArrayLike, sizes: ArrayLike) -> tuple[float, float] | None:
    """Return the 95 % interval of Σ differences / Σ sizes over n lines, (n,) each; None for fewer than two lines.

    The random numbers are fixed, so the interval is the same for every call.
    """
    sums = np.array([differences, sizes], dtype=np.float64)  # (2, n)
    if sums.shape[1] < 2:
        return None
    if sums.shape[1] > _MAX_UNITS:
        sums = np.add.reduceat(sums, np.arange(_MAX_UNITS) * sums.shape[1] // _MAX_UNITS, axis=1)
    low, high = np.quantile([_redrawn(sums, draw) for draw in range(DRAWS)], [0.025, 0.975]).tolist()
    return low, high


def _redrawn(sums: NDArray[np.float64], draw: int) -> float:
    """Return the ratio on lines drawn with replacement from `sums` (2, n)."""
    count = sums.shape[1]
    chosen = (uniform(_SEED, draw, np.arange(count)) * count).astype(np.int64)
    difference, size = sums[:, chosen].sum(axis=1)
    return float(difference / size)
