"""A score as a piece of HTML, which a notebook shows in the place of its text."""

import math
from collections.abc import Iterable
from typing import NamedTuple

from charlm.markup import BOX, DIM, safe
from charlm.scoring.heat import COLORS, bits_per_level, level, text_color
from charlm.scoring.units import Unit
from charlm.wording import plural


class Scored(NamedTuple):
    """A token that was scored: its text, and log P in nats.

    original: the text of a token that is unknown. share: part of P that comes from counts beside the network.
    """

    text: str | None
    logprob: float
    original: str = ""
    share: float | None = None


def heat(given: str, tokens: Iterable[Scored], unit: Unit, caption: str) -> str:
    """Return a text, each token on the color of its surprisal, above a bar whose thickness shows it too."""
    scale = plural(bits_per_level(unit), "bit")
    legend = " ".join(_mark(str(number), number, f"{number} × {scale}") for number in range(len(COLORS)))
    text = "".join(_token(each, unit) for each in tokens)
    return (
        f'<div style="{BOX}">{safe(given)}{text}</div>'
        f'<div style="{DIM}">{safe(caption)}</div>'
        f'<div style="font-size: .85em; line-height: 1.9">surprisal {legend} in steps of {scale}</div>'
    )


def _token(token: Scored, unit: Unit) -> str:
    bits = 0.0 - token.logprob / math.log(2)
    if token.text is None:
        return (
            f'<span style="border-bottom: 2px dashed #d00" title="unknown to the model">{safe(token.original)}</span>'
        )
    counts = "" if token.share is None else f", {token.share:.0%} from counts"
    return _mark(token.text, level(token.logprob, unit), f"{math.exp(token.logprob):.4%}, {bits:.2f} bits{counts}")


def _mark(text: str, number: int, title: str) -> str:
    style = f"background: {COLORS[number]}; color: {text_color(number)}; border-bottom: {number}px solid #d00"
    shown = safe(text).replace("\n", "↵\n")
    return f'<span style="{style}" title="{safe(title)}">{shown}</span>'
