"""Curves as an SVG picture: a colour for each name, a line for each run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape

Curve = Sequence[tuple[float, float]]

WIDTH, HEIGHT, LEFT, BOTTOM, RIGHT, TOP = 720, 420, 60, 50, 110, 20
# Okabe & Ito 2008: colours that colour-blind people tell apart; the names stand beside the ends as well.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#999999")
TICKS = 5
LINE = 13  # pixels between two names


def picture(curves: Mapping[str, Sequence[Curve]], across: str, up: str) -> str:
    """Curves (x, y) by name, with the axes' titles."""
    points = [point for runs in curves.values() for run in runs for point in run]
    right = max(x for x, _ in points)
    low, high = min(y for _, y in points), max(y for _, y in points)
    high = max(high, low + 1e-9)

    def place(x: float, y: float) -> tuple[float, float]:
        share = (y - low) / (high - low)
        return LEFT + x / right * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)

    parts = [*_axes(right, low, high, place, across, up)]
    ends = []
    for number, (name, runs) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        for run in runs:
            path = " ".join(f"{a:.1f},{b:.1f}" for a, b in (place(*point) for point in run))
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
            parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2" fill="{colour}"/>' for a, b in (place(*p) for p in run)]
        ends.append((place(*runs[0][-1])[1], name, colour))
    free = float(TOP)
    for height, name, colour in sorted(ends):  # pushed down where they would lie on each other
        free = max(height, free + LINE)
        parts.append(f'<text x="{WIDTH - RIGHT + 8}" y="{free:.1f}" fill="{colour}">{escape(name)}</text>')
    inside = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
        f' font-size="12">\n<rect width="100%" height="100%" fill="white"/>\n{inside}\n</svg>\n'
    )


def _axes(
    right: float, low: float, high: float, place: Callable[[float, float], tuple[float, float]], across: str, up: str
) -> Iterator[str]:
    for tick in range(TICKS):
        share = tick / (TICKS - 1)
        x, y = right * share, low + (high - low) * share
        left, bottom = place(x, low)
        yield f'<text x="{left:.1f}" y="{bottom + 18:.1f}" text-anchor="middle">{x:.0f}</text>'
        left, height = place(0, y)
        yield f'<text x="{left - 6:.1f}" y="{height + 4:.1f}" text-anchor="end">{y:.2f}</text>'
        yield f'<path d="M{left:.1f} {height:.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>'
    yield f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(across)}</text>'
    middle = (TOP + HEIGHT - BOTTOM) / 2
    yield f'<text transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">{escape(up)}</text>'
