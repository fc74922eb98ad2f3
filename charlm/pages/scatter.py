"""Points as a small SVG picture in the size of `chart`, such as the cost of each trial over one of its settings."""

import math
from collections.abc import Sequence

from charlm.markup import safe

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 380, 200, 52, 24, 12, 12
_MARGIN = 0.05  # of an axis, on both sides of the points


def scatter(points: Sequence[tuple[float, float]], best: int, across: str, *, logarithmic: bool = False) -> str:
    """The points (x, y) as SVG; empty for none. best: the index of a point that is marked. across: the name of x."""
    if not points:
        return ""
    scale = math.log if logarithmic else float
    columns, rows = [scale(x) for x, _ in points], [y for _, y in points]
    (left, right), (low, high) = _ends(columns), _ends(rows)

    def position(x: float, y: float) -> tuple[float, float]:
        over = (x - left) / (right - left) * (_WIDTH - _LEFT - _RIGHT)
        up = (y - low) / (high - low) * (_HEIGHT - _BOTTOM - _TOP)
        return _LEFT + over, _HEIGHT - _BOTTOM - up

    floor = _HEIGHT - _BOTTOM
    parts = [f'<path class="rule" fill="none" d="M{_LEFT} {_TOP}V{floor}H{_WIDTH - _RIGHT}"/>']
    for value in dict.fromkeys((min(rows), max(rows))):
        height = position(columns[0], value)[1]
        parts.append(f'<text class="dim" x="{_LEFT - 6}" y="{height + 4:.1f}" text-anchor="end">{value:.4g}</text>')
    for value in dict.fromkeys((min(points)[0], max(points)[0])):
        over = position(scale(value), low)[0]
        parts.append(f'<text class="dim" x="{over:.1f}" y="{floor + 17}" text-anchor="middle">{value:.4g}</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text class="dim" x="{middle}" y="{floor + 17}" text-anchor="middle">{safe(across)}</text>')
    for index, (x, y) in enumerate(zip(columns, rows, strict=True)):
        over, up = position(x, y)
        css_class, radius = ("b", 5) if index == best else ("a", 3)
        parts.append(
            f'<circle class="{css_class} ground" stroke-width="2" cx="{over:.1f}" cy="{up:.1f}" r="{radius}"/>'
        )
    inside = "\n".join(parts)
    label = f"{across}: {len(points)} trials, the best at {points[best][0]:.4g}"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{safe(label)}" font-size="11">\n{inside}\n</svg>'
    )


def _ends(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = _MARGIN * (high - low) or max(abs(low), 1e-9) * 0.1
    return low - margin, high + margin
