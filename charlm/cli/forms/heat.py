"""Scores in the terminal: each token on the colour of its surprisal, with a digit below it that says the same."""

import sys
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.text import Text

from charlm.cli.forms.figures import Logarithms, names, summary
from charlm.cli.output import for_terminal, write
from charlm.scoring.heat import COLOURS, ink, level, step

if TYPE_CHECKING:
    from charlm.scoring.score import Score

_SIGNS = str.maketrans({"\n": "↵", "\t": "⇥"})
_STYLES = [Style(color=ink(each), bgcolor=colour) for each, colour in enumerate(COLOURS)]


class Heat:
    """Two lines at a time, text above digits; `convention` is said at the end, with the legend."""

    def __init__(self, logarithms: Logarithms, convention: str) -> None:
        self._logarithms, self._convention = logarithms, convention
        self._console = Console(file=sys.stdout, highlight=False)
        self._step = 0

    def add(self, found: "Score") -> None:
        self._step = step(found.unit)
        given, scored = names(found, str)
        page = _Page(self._console)
        for token in given:
            page.put(token, None)
        for token, logprob in zip(scored, found.logprobs, strict=True):
            page.put(token, level(logprob, found.unit))
        page.end()
        write(summary(found, self._logarithms))

    def end(self) -> None:
        legend = Text("surprisal ")
        for each, style in enumerate(_STYLES):
            legend.append(f" {each} ", style)
        most = len(COLOURS) - 1
        width = "in bits" if self._step <= 1 else f"in steps of {self._step} bits"
        legend.append(f"  {width}, rounded down; {most} is {most} or more")
        self._console.print(legend, soft_wrap=True)
        write(f"{self._convention}\n")


class _Page:
    """Lines that fit the console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._text, self._digits = Text(), Text()

    def put(self, token: str, level: int | None) -> None:
        """`level`: None for a token that was not scored."""
        style = None if level is None else _STYLES[level]
        digit = " " if level is None else str(level)
        for character in for_terminal(token.translate(_SIGNS)):
            width = cell_len(character)
            if self._digits.cell_len + width > self._console.width:
                self.end()
            self._text.append(character, style)
            if width:
                self._digits.append(digit.ljust(width))
                digit = " "
        if token.endswith("\n"):
            self.end()

    def end(self) -> None:
        if self._text:
            for line in (self._text, self._digits):
                self._console.print(line, soft_wrap=True)
        self._text, self._digits = Text(), Text()
