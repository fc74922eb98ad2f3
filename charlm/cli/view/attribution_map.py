"""A map of attributions in the terminal: how much each earlier token raised or lowered each prediction."""

import math
import sys
import textwrap
from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from charlm.analysis.attribution import Attribution
from charlm.cli.output import write
from charlm.cli.view.heat_text import STYLES
from charlm.pages.style import WHITESPACE_SIGNS
from charlm.scoring.measure import NATS
from charlm.tokenizers import Tokenizer
from charlm.wording import for_terminal

_LEFT = 7  # columns for the token that is predicted
_MOST = 9  # levels of a weight
_NONE, _HINDERED = "·", " abcdefghi"
_MEANING = {
    "deletion": "how much log P of the token falls without the earlier one",
    "gradient": "gradient of log P of the token at the vector of the earlier one, times the vector",
}


def show(attribution: Attribution, by: str, line: bool) -> None:
    """Print a map of the weights and its legend; with `line`, the last token is the end of the line."""
    weights: list[list[float]] = getattr(attribution, by)
    tokens = [
        for_terminal((token or Tokenizer.REPLACEMENT).translate(WHITESPACE_SIGNS)) for token in attribution.tokens
    ]
    if line:
        tokens[-1] = Tokenizer.CONTROL[Tokenizer.EOS]
    bits = [[weight / NATS["2"] for weight in row] for row in weights]
    step = max((abs(each) for row in bits for each in row if math.isfinite(each)), default=0.0) / _MOST or 1.0
    console = Console(file=sys.stdout, highlight=False)
    for block in blocks(tokens[:-1], console.width - _LEFT):
        console.print(Text(" " * _LEFT + "".join(tokens[block.start : block.stop])), soft_wrap=True)
        for index in range(block.start + 1, len(tokens)):
            row = Text(f"{'␣' if tokens[index] == ' ' else tokens[index]:>{_LEFT - 2}}  ")
            for token, weight in zip(tokens[block.start : block.stop], bits[index][block.start :], strict=False):
                row.append_text(_mark(weight / step, cell_len(token)))
            console.print(row, soft_wrap=True)
        console.print()
    _legend(by, step, console.width)


def blocks(tokens: Sequence[str], width: int) -> Iterator[range]:
    """Cut the tokens into consecutive ranges that fit a width."""
    first, columns = 0, 0
    for index, token in enumerate(tokens):
        if columns + cell_len(token) > width and index > first:
            yield range(first, index)
            first, columns = index, 0
        columns += cell_len(token)
    yield range(first, len(tokens))


def _mark(steps: float, width: int) -> Text:
    """A weight, measured in steps, as a character on its color."""
    level = min(round(abs(steps)), _MOST) if math.isfinite(steps) else 0
    if not level:
        return Text(_NONE.ljust(width))
    return Text((str(level) if steps > 0 else _HINDERED[level]).ljust(width), STYLES[level])


def _legend(by: str, step: float, width: int) -> None:
    legend = (
        f"{by}: {_MEANING[by]}. One step is {step:.2g} bits. 1 to 9: steps by which it raised the probability;"
        f" a to i: steps by which it lowered it; {_NONE}: less than half a step."
    )
    write("\n".join(textwrap.wrap(legend, width)) + "\n")
