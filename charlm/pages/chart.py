"""Curves as a small SVG picture, colored by the classes of `style`; the last value of each curve is also in words."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from charlm.pages import frame

_TICKS = 4  # on the vertical axis, about
_BEGINNING = 0.03  # share of the run that may leave the picture: its steep fall would flatten the rest
_MOST_CIRCLES = 24  # points of a curve that are marked one by one


class Curve(NamedTuple):
    """A name, the CSS class of its line, and its points (step, value) in order."""

    name: str
    css_class: str
    points: Sequence[tuple[int, float]]


def chart(curves: Sequence[Curve], title: str, axis: str = "steps") -> str:
    """The curves in one picture, as SVG; empty if there are no points. axis: what the horizontal one counts."""
    curves = [curve for curve in curves if curve.points]
    points = [point for curve in curves for point in curve.points]
    if not points:
        return ""
    last = max(step for step, _ in points)
    settled = [value for step, value in points if step >= _BEGINNING * last]
    low, high = min(settled), max(settled)
    high = high if high > low else low + max(abs(low), 1e-9) * 0.1
    gap = round_up((high - low) / _TICKS)
    low, high = math.floor(low / gap) * gap, math.ceil(high / gap) * gap

    def position(step: float, value: float) -> tuple[float, float]:
        return frame.position(step / max(1, last), (min(max(value, low), high) - low) / (high - low))

    parts = []
    for tick in range(round((high - low) / gap) + 1):
        value = low + tick * gap
        left, height = position(0, value)
        parts.append(f'<path class="rule" d="M{left} {height:.1f}H{frame.END}"/>')
        parts.append(frame.beside(height, _tick_label(value, gap)))
    parts += [
        frame.below(position(step, low)[0], f"{step:,}", anchor) for step, anchor in ((0, "start"), (last, "end"))
    ]
    parts.append(frame.name_below(axis))
    for curve in curves:
        positions = [position(*point) for point in curve.points]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in positions)
        parts.append(
            f'<path class="{curve.css_class}" fill="none" stroke-width="1.8" stroke-linejoin="round" d="M{path}"/>'
        )
        if len(positions) <= _MOST_CIRCLES:
            parts += [
                f'<circle class="{curve.css_class} ground" cx="{x:.1f}" cy="{y:.1f}" r="2.6"/>' for x, y in positions
            ]
    label = f"{title}: {', '.join(f'{curve.name} at the end {curve.points[-1][1]:.4g}' for curve in curves)}"
    return frame.picture(parts, label)


def round_up(width: float) -> float:
    """The next round number: 1, 2, 5, 10, and so on."""
    power: float = 10.0 ** math.floor(math.log10(max(width, 1e-300)))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= width * 0.999)


def _tick_label(value: float, gap: float) -> str:
    """A value with enough decimals to tell the ticks apart; in scientific notation if it is very small."""
    value = 0.0 if abs(value) < gap / 2 else value
    if gap < 1e-4 and value:
        return f"{value:.0e}".replace("e-0", "e-")
    return f"{value:,.{max(0, -math.floor(math.log10(gap)))}f}"
