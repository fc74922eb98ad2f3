"""Surprisal as a digit and a color: one scale for the terminal and for a page."""

import math

from charlm.scoring.units import WORD, Unit

# Cividis (Nuñez, Anderton & Renslow 2018), from dark blue to bright yellow: its lightness rises evenly, and it looks
# nearly the same with and without a color-vision deficiency.
COLORS = (
    *("#00224e", "#123570", "#3b496c", "#575d6d", "#707173"),
    *("#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"),
)  # of the levels 0 to 9
_DARK_LEVELS = 5  # levels whose color needs white letters


def bits_per_level(unit: Unit) -> int:
    """Bits from one level to the next; larger for a word, which has more surprisal than a token."""
    return 3 if unit == WORD else 1


def level(logprob: float, unit: Unit) -> int:
    """The level, 0 to 9, of a log-probability (nats): its surprisal rounded down; the last level has no upper bound."""
    levels = -logprob / math.log(2) / bits_per_level(unit)
    return int(min(levels, len(COLORS) - 1))


def text_color(level: int) -> str:
    """The color of letters on the color of a level; their contrast is at least 4.5 to 1."""
    return "#ffffff" if level < _DARK_LEVELS else "#000000"


def level_rules(selector: str) -> str:
    """CSS rules for all levels; the level follows the selector, as in `b.s3`."""
    return "".join(
        f"{selector}{each} {{ background: {color}; color: {text_color(each)} }}\n" for each, color in enumerate(COLORS)
    )


def level_legend() -> str:
    """The digits of all levels on their colors, in HTML."""
    return " ".join(f'<b class="s{each}">{each}</b>' for each in range(len(COLORS)))
