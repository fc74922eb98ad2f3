"""A text in the terminal, each token on the colour of its level, with a digit below it that says the same."""

import sys

from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.text import Text

from charlm.cli.output import for_terminal
from charlm.pages.heat import COLOURS, ink

SIGNS = str.maketrans({"\n": "↵", "\t": "⇥"})
STYLES = [Style(color=ink(each), bgcolor=colour) for each, colour in enumerate(COLOURS)]  # of the levels 0 to 9


class Coloured:
    """Lines that fit the console, each with its digits below."""

    def __init__(self) -> None:
        self.console = Console(file=sys.stdout, highlight=False)
        self._text, self._digits = Text(), Text()

    def put(self, token: str, level: int | None) -> None:
        """`level`: None for a token that has none."""
        style = None if level is None else STYLES[level]
        digit = " " if level is None else str(level)
        for character in for_terminal(token.translate(SIGNS)):
            width = cell_len(character)
            if self._digits.cell_len + width > self.console.width:
                self.end()
            self._text.append(character, style)
            if width:
                self._digits.append(digit.ljust(width))
                digit = " "
        if token.endswith("\n"):
            self.end()

    def end(self) -> None:
        """Print the line that was begun."""
        if self._text:
            for line in (self._text, self._digits):
                self.console.print(line, soft_wrap=True)
        self._text, self._digits = Text(), Text()

    def legend(self, before: str, after: str = "") -> None:
        """The levels in their colours, between these words."""
        line = Text(f"{before} ")
        for each, style in enumerate(STYLES):
            line.append(f" {each} ", style)
        self.console.print(line.append(f"  {after}" * bool(after)), soft_wrap=True)
