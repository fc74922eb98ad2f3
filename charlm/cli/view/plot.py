"""Curves, points and histograms as lines of text."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

_MARGIN = 8  # columns of the scale
_DECADES = 16  # of the scale at most; smaller values leave the picture
_LEAST = 8  # lines of the picture; if there are few decades, each takes several lines
_TICK = 10  # columns between two numbers on the horizontal axis, at least


def plot(curves: Mapping[str, Sequence[float]], width: int, across: str) -> Iterator[str]:
    """Draw curves over 1, 2, 3, … on a logarithmic scale, each with its own letter, in lines of at most `width`.

    A curve has at least two points; zeros leave the picture. Where two curves meet, the later one is on top.
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
    """The height at x, interpolated linearly between the neighboring points."""
    left, right = ys[math.floor(x)], ys[min(math.ceil(x), len(ys) - 1)]
    share = x - math.floor(x)
    return left if share == 0 else left * (1 - share) + right * share


def _numbers(points: int, columns: int) -> str:
    line = ""
    for number in range(1, points + 1, math.ceil(points * _TICK / columns)):
        column = round((number - 1) / (points - 1) * (columns - 1))
        line = line.ljust(min(column, columns - len(str(number)))) + str(number)
    return line


_LINES, _WIDEST = 8, 20  # of a field
_FIELD_MARGIN = 4  # columns of the scale
_MANY = "+"  # ten or more


def scatter(fields: Mapping[str, Sequence[tuple[float, float]]], width: int) -> Iterator[str]:
    """Draw fields of points (across, up), both from 0 to 1, next to each other; a digit counts points."""
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
_CLIPPED = 0.05  # share of the columns that may exceed the scale: a loss falls steeply at first


def sparkline(values: Sequence[float], width: int) -> str:
    """Draw falling values in one line of at most `width` columns, each the mean of a part of the values."""
    columns = min(width, len(values))
    if columns < 1:
        return ""
    edges = [len(values) * column // columns for column in range(columns + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high = min(means), sorted(means, reverse=True)[int(_CLIPPED * columns)]
    span = (high - low) or 1.0
    heights = (
        math.sqrt(max(0.0, value - low) / span) for value in means
    )  # the root makes the small changes at the end visible
    return "".join(_LEVELS[min(len(_LEVELS) - 1, int(height * len(_LEVELS)))] for height in heights)


def histogram(shares: Sequence[float]) -> str:
    """Draw shares as columns in one line; the largest has full height, and all above 0 are visible."""
    most = max(shares) or 1.0
    heights = (math.ceil(share / most * len(_LEVELS)) for share in shares)
    return "".join(_LEVELS[height - 1] if height else " " for height in heights)
