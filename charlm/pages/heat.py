"""How surprising a token is, as a digit and a colour: one scale for the terminal and for a page."""

import math

from charlm.scoring.units import WORD, Unit

# Cividis (Nuñez, Anderton & Renslow 2018): from dark blue to bright yellow, its lightness rises evenly, and with and
# without a colour-vision deficiency it looks nearly the same.
COLOURS = (
    *("#00224e", "#123570", "#3b496c", "#575d6d", "#707173"),
    *("#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"),
)  # of the levels 0 to 9
_DARK = 5  # levels whose colour asks for white letters


def step(unit: Unit) -> int:
    """Bits from one level to the next: a word has more of them than a token."""
    return 3 if unit == WORD else 1


def level(logprob: float, unit: Unit) -> int:
    """0 to 9: the surprisal of a log-probability (nats) in steps, rounded down; 9 has no upper end."""
    steps = -logprob / math.log(2) / step(unit)
    return int(min(steps, len(COLOURS) - 1))


def ink(level: int) -> str:
    """The colour of letters on that of a level: a contrast of 4.5 to 1 or more."""
    return "#ffffff" if level < _DARK else "#000000"
