"""Curves on a logarithmic scale as lines of text, each drawn with a letter of its own."""

import math
from collections.abc import Iterator, Mapping, Sequence

_MARGIN = 8  # columns of the scale
_DECADES = 16  # shown at most: what is below the largest by more leaves the picture
_LEAST = 8  # lines; a decade takes several where there are few
_TICK = 10  # columns between two numbers below, at least


def plot(curves: Mapping[str, Sequence[float]], width: int, across: str) -> Iterator[str]:
    """Lines of at most `width` columns: curves of two points or more by their letter, over 1, 2, 3 ...; no zeros.

    Where two meet, the one named last is seen.
    """
    columns = max(_TICK, width - _MARGIN)
    points = max(map(len, curves.values()))
    drawn = {mark: [math.log10(y) if 0 < y < math.inf else -math.inf for y in ys] for mark, ys in curves.items()}
    finite = [y for ys in drawn.values() for y in ys if y > -math.inf] or [0.0]
    high = math.ceil(max(finite))
    low = min(high - 1, max(math.floor(min(finite)), high - _DECADES))
    lines = math.ceil(_LEAST / (high - low))  # a decade
    canvas = [[" "] * columns for _ in range((high - low) * lines + 1)]
    for mark, ys in drawn.items():
        for column in range(columns):
            y = _between(ys, column / (columns - 1) * (points - 1))
            if y >= low:
                canvas[round((high - y) * lines)][column] = mark
    for number, row in enumerate(canvas):
        label = "" if number % lines else f"1e{high - number // lines:+03d}"
        yield f"{label:>6} |{''.join(row).rstrip()}"
    yield f"{'':6} +{'-' * columns}"
    yield f"{'':{_MARGIN}}{_numbers(points, columns)}"
    yield f"{'':{_MARGIN}}{across}"


def _between(ys: Sequence[float], x: float) -> float:
    """The height at x, on a straight line between its neighbours."""
    left, right = ys[math.floor(x)], ys[min(math.ceil(x), len(ys) - 1)]
    share = x - math.floor(x)
    return left if share == 0 else left * (1 - share) + right * share


def _numbers(points: int, columns: int) -> str:
    found = ""
    for number in range(1, points + 1, math.ceil(points * _TICK / columns)):
        column = round((number - 1) / (points - 1) * (columns - 1))
        found = found.ljust(min(column, columns - len(str(number)))) + str(number)
    return found
