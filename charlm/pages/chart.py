"""Curves as a small picture in SVG, coloured by the classes of `style`; every number is also written."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from charlm.pages.style import safe

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 380, 200, 52, 24, 12, 12
_TICKS = 4  # on the axis upward, about
_BEGINNING = 0.03  # of the run: its values are let run out of the picture, or there would be nothing else to see


class Curve(NamedTuple):
    """A name, the class of its line, and (step, value) in order."""

    name: str
    kind: str
    points: Sequence[tuple[int, float]]


def chart(curves: Sequence[Curve], what: str) -> str:
    """The curves over the steps in one field; empty where there is nothing to draw."""
    curves = [curve for curve in curves if curve.points]
    points = [point for curve in curves for point in curve.points]
    if not points:
        return ""
    last = max(step for step, _ in points)
    settled = [value for step, value in points if step >= _BEGINNING * last]
    low, high = min(settled), max(settled)
    high = high if high > low else low + max(abs(low), 1e-9) * 0.1
    gap = nice((high - low) / _TICKS)
    low, high = math.floor(low / gap) * gap, math.ceil(high / gap) * gap

    def place(step: float, value: float) -> tuple[float, float]:
        share = (min(max(value, low), high) - low) / (high - low)
        across = step / max(1, last)
        return _LEFT + across * (_WIDTH - _LEFT - _RIGHT), _HEIGHT - _BOTTOM - share * (_HEIGHT - _BOTTOM - _TOP)

    parts = []
    for tick in range(round((high - low) / gap) + 1):
        value = low + tick * gap
        left, up = place(0, value)
        parts.append(f'<path class="rule" d="M{left} {up:.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(
            f'<text class="dim" x="{left - 6}" y="{up + 4:.1f}" text-anchor="end">{_figure(value, gap)}</text>'
        )
    for step, anchor in ((0, "start"), (last, "end")):
        across, down = place(step, low)
        parts.append(f'<text class="dim" x="{across:.1f}" y="{down + 17:.1f}" text-anchor="{anchor}">{step:,}</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text class="dim" x="{middle}" y="{_HEIGHT - _BOTTOM + 17}" text-anchor="middle">steps</text>')
    for curve in curves:
        placed = [place(*point) for point in curve.points]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in placed)
        parts.append(f'<path class="{curve.kind}" fill="none" stroke-width="1.8" stroke-linejoin="round" d="M{path}"/>')
        if len(placed) <= 24:
            parts += [f'<circle class="{curve.kind} ground" cx="{x:.1f}" cy="{y:.1f}" r="2.6"/>' for x, y in placed]
    inside = "\n".join(parts)
    label = f"{what}: {', '.join(f'{curve.name} at the end {curve.points[-1][1]:.4g}' for curve in curves)}"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{safe(label)}" font-size="11">\n{inside}\n</svg>'
    )


def nice(width: float) -> float:
    """The next of 1, 2, 5, 10 and so on."""
    power: float = 10.0 ** math.floor(math.log10(max(width, 1e-300)))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= width * 0.999)


def _figure(value: float, gap: float) -> str:
    """With as many decimals as tell the ticks apart; very small ones by their power."""
    value = 0.0 if abs(value) < gap / 2 else value
    if gap < 1e-4 and value:
        return f"{value:.0e}".replace("e-0", "e-")
    return f"{value:,.{max(0, -math.floor(math.log10(gap)))}f}"
