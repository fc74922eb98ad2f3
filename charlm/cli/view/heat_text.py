"""Text in the terminal, each token on the color of its level, with the level as a digit below it."""

import sys

from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.text import Text

from charlm.cli.output import write_lines
from charlm.pages.style import WHITESPACE_SIGNS
from charlm.scoring.heat import COLORS, text_color
from charlm.wording import for_terminal

STYLES = [Style(color=text_color(level), bgcolor=color) for level, color in enumerate(COLORS)]  # of the levels 0 to 9
_UNKNOWN = Style(underline=True)


class HeatText:
    """Lines that fit the console, each with its digits below; the digits make it readable without color."""

    def __init__(self) -> None:
        self.console = Console(file=sys.stdout, highlight=False)
        self._text, self._digits = Text(), Text()

    def put(self, token: str, level: int | None) -> None:
        """Append a token; `level` is None for one without a digit and a color."""
        self._put(token, " " if level is None else str(level), None if level is None else STYLES[level])

    def put_unknown(self, token: str) -> None:
        """Append text that the model does not know, with a question mark in place of the digit."""
        self._put(token, "?", _UNKNOWN)

    def _put(self, token: str, digit: str, style: Style | None) -> None:
        for character in for_terminal(token.translate(WHITESPACE_SIGNS)):
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
        """Print the current line, if it has text."""
        if self._text:
            for line in (self._text, self._digits):
                self.console.print(line, soft_wrap=True)
        self._text, self._digits = Text(), Text()

    def legend(self, before: str, after: str = "") -> None:
        """Print the levels on their colors, between these words; what does not fit next to them goes below."""
        line = Text(f"{before} ")
        for level, style in enumerate(STYLES):
            line.append(f" {level} ", style)
        below = sys.stdout.isatty() and line.cell_len + 2 + cell_len(after) > self.console.width
        self.console.print(line if below else line.append(f"  {after}" * bool(after)), soft_wrap=True)
        if below:
            write_lines(f"{after}\n")
