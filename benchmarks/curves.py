"""Curves as an SVG picture: one line per run, one color and line style per name."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape

from charlm.pages.chart import round_up
from charlm.pages.style import LIGHT

Curve = Sequence[tuple[float, float]]
Label = Callable[[float], str]

WIDTH, HEIGHT, LEFT, BOTTOM, RIGHT, TOP = 720, 420, 64, 50, 120, 20
COLORS = LIGHT[:4]  # that color-blind people can distinguish; each serves two names, with solid and dashed lines
TICKS = 6  # about this number on an axis
LINE = 15  # pixels between two names
DOTTED = 30  # most points of a curve that are marked


def picture(curves: Mapping[str, Sequence[Curve]], across: str, up: str, label: Label = "{:g}".format) -> str:
    """Draw curves (x, y) by name, x from 0, with titles of the axes; `label` formats a number on the y axis."""
    points = [point for runs in curves.values() for run in runs for point in run]
    right = max(x for x, _ in points)
    low, high = min(y for _, y in points), max(y for _, y in points)
    gap = round_up(max(high - low, 1e-9) / TICKS)
    low, high = math.floor(low / gap + 1e-9) * gap, math.ceil(high / gap - 1e-9) * gap

    def to_pixels(x: float, y: float) -> tuple[float, float]:
        share = (y - low) / (high - low)
        return LEFT + x / right * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)

    parts = [*_axes(right, [low + tick * gap for tick in range(round((high - low) / gap) + 1)], to_pixels, label)]
    parts += _titles(across, up)
    ends = []
    for number, (name, runs) in enumerate(curves.items()):
        color = COLORS[number % len(COLORS)]
        look = f'fill="none" stroke="{color}" stroke-width="1.6"'
        look += ' stroke-dasharray="6 3"' * (number >= len(COLORS))
        for run in runs:
            points_in_pixels = [to_pixels(*point) for point in run]
            parts.append(f'<polyline points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in points_in_pixels)}" {look}/>')
            if len(run) <= DOTTED:
                parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.2" fill="{color}"/>' for a, b in points_in_pixels]
        ends.append((*reversed(to_pixels(*runs[0][-1])), name, color, look))
    ends.sort()
    heights = _apart([height for height, *_ in ends])
    for (height, end, name, color, look), free in zip(ends, heights, strict=True):
        parts.append(f'<path d="M{end:.1f} {height:.1f}L{WIDTH - RIGHT + 16} {free:.1f}" {look} opacity="0.6"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 20}" y="{free + 4:.1f}" fill="{color}">{escape(name)}</text>')
    inside = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
        f' font-size="12">\n<rect width="100%" height="100%" fill="white"/>\n{inside}\n</svg>\n'
    )


def _apart(heights: Sequence[float]) -> list[float]:
    """Spread sorted heights so that names do not overlap, and keep them above the lower edge."""
    spread: list[float] = []
    for height in heights:
        spread.append(max(height, spread[-1] + LINE) if spread else height)
    lowest = HEIGHT - BOTTOM
    return [
        min(height, lowest - LINE * left) for left, height in zip(reversed(range(len(spread))), spread, strict=True)
    ]


def _axes(
    right: float, heights: Sequence[float], to_pixels: Callable[[float, float], tuple[float, float]], label: Label
) -> Iterator[str]:
    gap = round_up(right / TICKS)
    for tick in range(math.floor(right / gap + 1e-9) + 1):
        x, bottom = to_pixels(tick * gap, heights[0])
        yield f'<path d="M{x:.1f} {bottom:.1f}v4" stroke="#767676"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 18:.1f}" text-anchor="middle">{tick * gap:g}</text>'
    for y in heights:
        left, height = to_pixels(0, y)
        yield f'<text x="{left - 6:.1f}" y="{height + 4:.1f}" text-anchor="end">{label(y)}</text>'
        yield f'<path d="M{left:.1f} {height:.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>'


def _titles(across: str, up: str) -> Iterator[str]:
    yield f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(across)}</text>'
    middle = (TOP + HEIGHT - BOTTOM) / 2
    yield f'<text transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">{escape(up)}</text>'
