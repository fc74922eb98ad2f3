"""Compute how certain a figure is, from the examples on which it was measured.

The bootstrap draws as many examples as there are, with replacement, and computes the figure on them. The middle 95 % of
the figures from many draws are the interval (Efron & Tibshirani 1993, chapter 13). The paired bootstrap does this with
the difference between two models on the same examples (Koehn 2004, "Statistical significance tests for machine
translation evaluation").
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charlm.randomness import uniform

Floats = NDArray[np.float64]
Interval = tuple[float, float]

DRAWS = 2_000
_FEWEST_DRAWS = 200  # for very many examples, of which each draw takes long
_MAX_EXAMPLES = 2 * 10**8  # in all draws together
_MAX_UNITS = 10_000  # to draw from; neighboring examples are drawn together if there are more
_SEED = 0


def interval(differences: ArrayLike, sizes: ArrayLike) -> Interval | None:
    """Return the 95 % interval of Σ differences / Σ sizes over n lines, (n,) each; None for fewer than two lines.

    The random numbers are fixed, so the interval is the same for every call.
    """
    sums = np.array([differences, sizes], dtype=np.float64)  # (2, n)
    if sums.shape[1] > _MAX_UNITS:
        sums = np.add.reduceat(sums, np.arange(_MAX_UNITS) * sums.shape[1] // _MAX_UNITS, axis=1)

    def figures(weights: Floats) -> dict[str, float | None]:
        difference, size = (sums * weights).sum(axis=1)
        return {"ratio": float(difference / size) if size else None}

    return intervals(sums.shape[1], figures).get("ratio")


def intervals(
    examples: int, figures: Callable[[Floats], Mapping[str, float | None]], seed: int = _SEED
) -> dict[str, Interval | None]:
    """Return the 95 % interval of each figure over a number of examples.

    `figures` receives weights (n,): how often each example was drawn. All figures come from the same draws. A figure
    that is None in a draw is left out of it. An interval is None for fewer than two examples, and for a figure that is
    None in all draws.
    """
    units = min(examples, _MAX_UNITS)
    unit_of = np.arange(examples) * units // max(examples, 1)
    draws = min(DRAWS, max(_FEWEST_DRAWS, _MAX_EXAMPLES // max(examples, 1)))
    drawn: dict[str, list[float]] = {}
    for draw in range(draws if examples > 1 else 1):
        chosen = (uniform(seed, draw, np.arange(units)) * units).astype(np.int64)
        counts = np.bincount(chosen, minlength=units).astype(np.float64)
        for name, value in figures(counts[unit_of] if units < examples else counts).items():
            drawn.setdefault(name, []).extend([] if value is None else [value])
    return {name: _middle(values) if examples > 1 else None for name, values in drawn.items()}


def _middle(values: list[float]) -> Interval | None:
    if not values:
        return None
    low, high = np.quantile(values, [0.025, 0.975]).tolist()
    return low, high
