"""Curves as a small SVG picture, colored by the classes of `style`; the last value of each curve is also in words."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from charlm.markup import safe

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 380, 200, 52, 24, 12, 12
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
        share = (min(max(value, low), high) - low) / (high - low)
        across = step / max(1, last)
        return _LEFT + across * (_WIDTH - _LEFT - _RIGHT), _HEIGHT - _BOTTOM - share * (_HEIGHT - _BOTTOM - _TOP)

    parts = []
    for tick in range(round((high - low) / gap) + 1):
        value = low + tick * gap
        left, up = position(0, value)
        parts.append(f'<path class="rule" d="M{left} {up:.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(
            f'<text class="dim" x="{left - 6}" y="{up + 4:.1f}" text-anchor="end">{_tick_label(value, gap)}</text>'
        )
    for step, anchor in ((0, "start"), (last, "end")):
        across, down = position(step, low)
        parts.append(f'<text class="dim" x="{across:.1f}" y="{down + 17:.1f}" text-anchor="{anchor}">{step:,}</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text class="dim" x="{middle}" y="{_HEIGHT - _BOTTOM + 17}" text-anchor="middle">{axis}</text>')
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
    inside = "\n".join(parts)
    label = f"{title}: {', '.join(f'{curve.name} at the end {curve.points[-1][1]:.4g}' for curve in curves)}"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{safe(label)}" font-size="11">\n{inside}\n</svg>'
    )


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
