"""charlm why: what each prediction rests on."""

import math
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from charlm.cli.inputs import load_model_and_text
from charlm.cli.options import Json, Model, Quiet, optional
from charlm.cli.output import for_terminal, write, write_json
from charlm.config import check_choice

if TYPE_CHECKING:
    from charlm.analysis.attribution import Why

_WAYS = ("deletion", "gradient")
_LEFT = 7  # columns for the symbol that is predicted
_MOST = 9  # steps
_NONE, _HINDERED = "·", " abcdefghi"
_ABOUT = {
    "deletion": "by how much log P of a symbol falls when the earlier one is left out",
    "gradient": "the gradient of log P of a symbol at the vector of the earlier one, times the vector",
}


def why(
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="A text; - is stdin.")] = None,
    file: Annotated[str | None, typer.Option("--file", help="A file of text.")] = None,
    model: Model = None,
    by: Annotated[str, optional("deletion, or gradient (times input).", _WAYS[0], choices=_WAYS)] = _WAYS[0],
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """What each prediction rests on.

    A row for each symbol, and in it a digit below each earlier one: the larger, the more likely that one made it.
    Letters stand for what made it less likely. JSON has both ways, in nats.

    Example: charlm why "the cats were"
    """
    check_choice("by", by, _WAYS)
    language_model, read = load_model_and_text(model, text, file, quiet)

    from charlm.analysis.attribution import why as ask

    found = ask(language_model, read)
    if json:
        write_json(asdict(found))
    else:
        show(found, by, language_model.line)


def show(found: "Why", by: str, line: bool) -> None:
    """A map of the weights, and what its marks mean; `line`: the last symbol is the end."""
    from charlm.pages.style import WHITESPACE_SIGNS
    from charlm.scoring.measure import NATS
    from charlm.tokenizers import Tokenizer

    weights: list[list[float]] = getattr(found, by)
    symbols = [for_terminal((token or Tokenizer.REPLACEMENT).translate(WHITESPACE_SIGNS)) for token in found.tokens]
    if line:
        symbols[-1] = Tokenizer.CONTROL[Tokenizer.EOS]
    bits = [[weight / NATS["2"] for weight in row] for row in weights]
    step = max((abs(each) for row in bits for each in row if math.isfinite(each)), default=0.0) / _MOST or 1.0
    console = Console(file=sys.stdout, highlight=False)
    for block in _blocks(symbols[:-1], console.width - _LEFT):
        console.print(Text(" " * _LEFT + "".join(symbols[block.start : block.stop])), soft_wrap=True)
        for place in range(block.start + 1, len(symbols)):
            row = Text(f"{'␣' if symbols[place] == ' ' else symbols[place]:>{_LEFT - 2}}  ")
            for symbol, weight in zip(symbols[block.start : block.stop], bits[place][block.start :], strict=False):
                row.append_text(_mark(weight / step, cell_len(symbol)))
            console.print(row, soft_wrap=True)
        console.print()
    _legend(by, step, console.width)


def _blocks(symbols: Sequence[str], width: int) -> Iterator[range]:
    """The symbols in runs that fit a width, one after the other."""
    first, wide = 0, 0
    for place, symbol in enumerate(symbols):
        if wide + cell_len(symbol) > width and place > first:
            yield range(first, place)
            first, wide = place, 0
        wide += cell_len(symbol)
    yield range(first, len(symbols))


def _mark(steps: float, width: int) -> Text:
    """A weight in so many steps, as a character on its colour."""
    from charlm.cli.view.heat_text import STYLES

    level = min(round(abs(steps)), _MOST) if math.isfinite(steps) else 0
    if not level:
        return Text(_NONE.ljust(width))
    return Text((str(level) if steps > 0 else _HINDERED[level]).ljust(width), STYLES[level])


def _legend(by: str, step: float, width: int) -> None:
    about = (
        f"{by}: {_ABOUT[by]}. 1 to 9: so many steps of {step:.2g} bits that it helped; a to i: that it hindered;"
        f" {_NONE}: less than half a step"
    )
    write("\n".join(textwrap.wrap(about, width)) + "\n")
