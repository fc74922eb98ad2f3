"""A map of attention in the terminal: how much each token of a target attends to each token of its source."""

import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from charlm.cli.output import write
from charlm.cli.view.attribution_map import blocks
from charlm.cli.view.heat_text import STYLES
from charlm.pages.style import WHITESPACE_SIGNS
from charlm.tokenizers import Tokenizer
from charlm.wording import for_terminal

if TYPE_CHECKING:
    from charlm.tasks.pairs.translator import Alignment

_MOST = 9  # levels of a weight
_LEGEND = (
    "Each row is a token of the target, and each column a token of the source, of which the first, ^, is its start. A"
    " digit is the weight of the attention in tenths, 9 also for more; ·: less than 0.05."
)


def show(alignment: "Alignment") -> None:
    """Print a map of the weights and its legend."""
    source = ["^", *_shown(alignment.source[1:])]
    target = [*_shown(alignment.target[:-1]), Tokenizer.CONTROL[Tokenizer.EOS]]
    left = max(map(cell_len, target)) + 2
    console = Console(file=sys.stdout, highlight=False)
    for block in blocks(source, console.width - left):
        columns = source[block.start : block.stop]
        console.print(Text(" " * left + "".join(columns)), soft_wrap=True)
        for token, weights in zip(target, alignment.weights, strict=True):
            row = Text(" " * (left - 2 - cell_len(token)) + token + "  ")
            for weight, column in zip(weights[block.start : block.stop], columns, strict=True):
                level = min(round(weight * 10), _MOST)
                mark = (str(level) if level else "·").ljust(cell_len(column))
                row.append_text(Text(mark, STYLES[level]) if level else Text(mark))
            console.print(row, soft_wrap=True)
        console.print()
    write("\n".join(textwrap.wrap(_LEGEND, console.width)) + "\n")


def _shown(tokens: Sequence[str | None]) -> list[str]:
    shown = [for_terminal((token or Tokenizer.REPLACEMENT).translate(WHITESPACE_SIGNS)) for token in tokens]
    return ["␣" if token == " " else token for token in shown]
