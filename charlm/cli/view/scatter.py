"""Points as lines of text: how many lie in each place, in fields beside each other."""

from collections.abc import Iterator, Mapping, Sequence

_LINES, _WIDEST = 8, 20  # of a field
_MARGIN = 4  # columns of the scale
_MANY = "+"  # more than nine


def scatter(fields: Mapping[str, Sequence[tuple[float, float]]], width: int) -> Iterator[str]:
    """Points (across, up), both from 0 to 1, by the name of their field, in lines of at most `width` columns."""
    columns = max(4, min(_WIDEST, (width - _MARGIN) // len(fields) - 2))
    drawn = [_counted(points, columns) for points in fields.values()]
    yield f"{'':{_MARGIN}} {'  '.join(f'{name[:columns]:^{columns}}' for name in fields)}".rstrip()
    for line in range(_LINES):
        label = {0: "1", _LINES - 1: "0"}.get(line, "")
        yield f"{label:>{_MARGIN}}|{' |'.join(field[line] for field in drawn)}".rstrip()
    yield f"{'':{_MARGIN}}{' '.join('+' + '-' * columns for _ in fields)}"
    yield f"{'':{_MARGIN}}{' '.join(f' 0{1:>{columns - 1}}' for _ in fields)}"


def _counted(points: Sequence[tuple[float, float]], columns: int) -> list[str]:
    counts = [[0] * columns for _ in range(_LINES)]
    for across, up in points:
        counts[round((1 - up) * (_LINES - 1))][round(across * (columns - 1))] += 1
    return ["".join(str(each or " ") if each < 10 else _MANY for each in line) for line in counts]
