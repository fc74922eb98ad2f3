"""Points as a small SVG picture in the size of `chart`, such as the cost of each trial over one of its settings."""

import math
from collections.abc import Sequence

from charlm.pages import frame

_MARGIN = 0.05  # of an axis, on both sides of the points


def scatter(points: Sequence[tuple[float, float]], best: int, across: str, *, logarithmic: bool = False) -> str:
    """The points (x, y) as SVG; empty for none. best: the index of a point that is marked. across: the name of x."""
    if not points:
        return ""
    scale = math.log if logarithmic else float
    columns, rows = [scale(x) for x, _ in points], [y for _, y in points]
    (left, right), (low, high) = _ends(columns), _ends(rows)

    def position(x: float, y: float) -> tuple[float, float]:
        return frame.position((x - left) / (right - left), (y - low) / (high - low))

    parts = [f'<path class="rule" fill="none" d="M{frame.LEFT} {frame.TOP}V{frame.FLOOR}H{frame.END}"/>']
    for value in dict.fromkeys((min(rows), max(rows))):
        parts.append(frame.beside(position(columns[0], value)[1], f"{value:.4g}"))
    for value in dict.fromkeys((min(points)[0], max(points)[0])):
        parts.append(frame.below(position(scale(value), low)[0], f"{value:.4g}"))
    parts.append(frame.name_below(across))
    for index, (x, y) in enumerate(zip(columns, rows, strict=True)):
        over, up = position(x, y)
        css_class, radius = ("b", 5) if index == best else ("a", 3)
        parts.append(
            f'<circle class="{css_class} ground" stroke-width="2" cx="{over:.1f}" cy="{up:.1f}" r="{radius}"/>'
        )
    label = f"{across}: {len(points)} trials, the best at {points[best][0]:.4g}"
    return frame.picture(parts, label)


def _ends(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = _MARGIN * (high - low) or max(abs(low), 1e-9) * 0.1
    return low - margin, high + margin
