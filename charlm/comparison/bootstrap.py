"""How sure a difference between two models is, from the lines on which both were measured.

The paired bootstrap: draw as many lines, with replacement, as there are, and take the difference on these; after many
draws the middle 95 % of the differences are the interval (Efron & Tibshirani 1993, chapter 13; Koehn 2004, "Statistical
significance tests for machine translation evaluation").
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charlm.randomness import uniform

DRAWS = 2_000
_MOST = 10_000  # units that are drawn from: of more lines, neighbours go together
_SEED = 0


def interval(differences: ArrayLike, sizes: ArrayLike) -> tuple[float, float] | None:
    """The 95 % interval of Σ differences / Σ sizes over the lines, which have one of each; the same at every call.

    None for fewer than two lines.
    """
    sums = np.array([differences, sizes], dtype=np.float64)  # (2, n)
    if sums.shape[1] < 2:
        return None
    if sums.shape[1] > _MOST:
        sums = np.add.reduceat(sums, np.arange(_MOST) * sums.shape[1] // _MOST, axis=1)
    low, high = np.quantile([_redrawn(sums, draw) for draw in range(DRAWS)], [0.025, 0.975]).tolist()
    return low, high


def _redrawn(sums: NDArray[np.float64], draw: int) -> float:
    count = sums.shape[1]
    chosen = (uniform(_SEED, draw, np.arange(count)) * count).astype(np.int64)
    difference, size = sums[:, chosen].sum(axis=1)
    return float(difference / size)
