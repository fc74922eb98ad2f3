"""A curve in one line of text."""

import math
from collections.abc import Sequence
from itertools import pairwise

_LEVELS = "▁▂▃▄▅▆▇█"
_CLIPPED = 0.05  # share of the columns that may lie above the scale: a loss falls steeply at first


def sparkline(values: Sequence[float], width: int) -> str:
    """Values that fall, in at most `width` columns, each the mean of its share of them."""
    columns = min(width, len(values))
    if columns < 1:
        return ""
    edges = [len(values) * column // columns for column in range(columns + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high = min(means), sorted(means, reverse=True)[int(_CLIPPED * columns)]
    span = (high - low) or 1.0
    heights = (math.sqrt(max(0.0, value - low) / span) for value in means)  # the root shows the small steps of the end
    return "".join(_LEVELS[min(len(_LEVELS) - 1, int(height * len(_LEVELS)))] for height in heights)


def histogram(shares: Sequence[float]) -> str:
    """Shares as columns, the largest as high as a line is; what is not 0 is seen."""
    most = max(shares) or 1.0
    heights = (math.ceil(share / most * len(_LEVELS)) for share in shares)
    return "".join(_LEVELS[height - 1] if height else " " for height in heights)
