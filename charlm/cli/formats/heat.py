"""Scores in the terminal: each token on the colour of its surprisal, with a digit below it that says the same."""

from typing import TYPE_CHECKING

from charlm.cli.formats.figures import Logarithms, names, summary
from charlm.cli.output import write
from charlm.cli.view.heat_text import Coloured
from charlm.pages.heat import COLOURS, level, step

if TYPE_CHECKING:
    from charlm.scoring.score import Score


class Heat:
    """Two lines at a time, text above digits; `convention` is said at the end, with the legend."""

    def __init__(self, logarithms: Logarithms, convention: str) -> None:
        self._logarithms, self._convention = logarithms, convention
        self._page = Coloured()
        self._step = 0

    def add(self, found: "Score") -> None:
        self._step = step(found.unit)
        given, scored = names(found, str)
        for token in given:
            self._page.put(token, None)
        for token, logprob in zip(scored, found.logprobs, strict=True):
            self._page.put(token, level(logprob, found.unit))
        self._page.end()
        write(summary(found, self._logarithms))

    def end(self) -> None:
        most = len(COLOURS) - 1
        width = "in bits" if self._step <= 1 else f"in steps of {self._step} bits"
        self._page.legend("surprisal", f"{width}, rounded down; {most} is {most} or more")
        write(f"{self._convention}\n")
