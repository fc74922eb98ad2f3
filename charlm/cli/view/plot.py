"""Curves on a logarithmic scale as lines of text, each drawn with a letter of its own."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

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


_LINES, _WIDEST = 8, 20  # of a field
_FIELD_MARGIN = 4  # columns of the scale
_MANY = "+"  # more than nine


def scatter(fields: Mapping[str, Sequence[tuple[float, float]]], width: int) -> Iterator[str]:
    """Points (across, up), both from 0 to 1, by the name of their field, in lines of at most `width` columns."""
    columns = max(4, min(_WIDEST, (width - _FIELD_MARGIN) // len(fields) - 2))
    drawn = [_counted(points, columns) for points in fields.values()]
    yield f"{'':{_FIELD_MARGIN}} {'  '.join(f'{name[:columns]:^{columns}}' for name in fields)}".rstrip()
    for line in range(_LINES):
        label = {0: "1", _LINES - 1: "0"}.get(line, "")
        yield f"{label:>{_FIELD_MARGIN}}|{' |'.join(field[line] for field in drawn)}".rstrip()
    yield f"{'':{_FIELD_MARGIN}}{' '.join('+' + '-' * columns for _ in fields)}"
    yield f"{'':{_FIELD_MARGIN}}{' '.join(f' 0{1:>{columns - 1}}' for _ in fields)}"


def _counted(points: Sequence[tuple[float, float]], columns: int) -> list[str]:
    counts = [[0] * columns for _ in range(_LINES)]
    for across, up in points:
        counts[round((1 - up) * (_LINES - 1))][round(across * (columns - 1))] += 1
    return ["".join(str(each or " ") if each < 10 else _MANY for each in line) for line in counts]


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
