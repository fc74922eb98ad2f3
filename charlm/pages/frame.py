"""The frame of a small SVG picture with two axes: its size, the words beside the axes, and the element around it."""

from collections.abc import Sequence

from charlm.markup import safe

WIDTH, HEIGHT = 380, 200
LEFT, BOTTOM, TOP, RIGHT = 52, 24, 12, 12  # from each side of the picture to the points
FLOOR, END = HEIGHT - BOTTOM, WIDTH - RIGHT  # where the vertical axis begins, and where the horizontal one ends
_GAP, _BELOW, _HALF = 6, 17, 4  # from an axis to its words; half the height of a letter


def position(across: float, up: float) -> tuple[float, float]:
    """The point at these shares of both axes."""
    return LEFT + across * (END - LEFT), FLOOR - up * (FLOOR - TOP)


def beside(height: float, words: str) -> str:
    """Words to the left of the vertical axis, at this height."""
    return f'<text class="dim" x="{LEFT - _GAP}" y="{height + _HALF:.1f}" text-anchor="end">{safe(words)}</text>'


def below(at: float, words: str, anchor: str = "middle") -> str:
    """Words below the horizontal axis. anchor: the part of the words that is at this point: start, middle, or end."""
    return f'<text class="dim" x="{at:.1f}" y="{FLOOR + _BELOW}" text-anchor="{anchor}">{safe(words)}</text>'


def name_below(words: str) -> str:
    """The name of the horizontal axis."""
    return below((LEFT + END) / 2, words)


def picture(parts: Sequence[str], label: str) -> str:
    """The parts as one SVG element. label: the picture in words, for those who do not see it."""
    inside = "\n".join(parts)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{safe(label)}" font-size="11">\n{inside}\n</svg>'
    )
