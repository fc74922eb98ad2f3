"""Scores as a heat map in an HTML page, written when all scores are known."""

import sys

from charlm.cli.formats import Request, ScoreWriter
from charlm.cli.output import write
from charlm.errors import ConfigError
from charlm.pages.heat_page import page
from charlm.scoring import units
from charlm.scoring.score import Score
from charlm.scoring.summary import Logarithms
from charlm.scoring.units import Unit
from charlm.tokenizers import Tokenizer

_ON_HOVER = 5  # most likely tokens to show for each token


class Html(ScoreWriter):
    """One self-contained page; hover over a token for its alternatives."""

    order = 60

    def check(self, request: Request) -> None:
        if request.base is not None:
            raise ConfigError("the heat map shows surprisal in bits; leave --base out")

    def unit(self, tokenizer: Tokenizer) -> Unit:
        return units.display_unit(tokenizer)

    def alternatives(self, *, tokens: bool, full: bool) -> int | None:
        return _ON_HOVER if tokens else None  # a word has no rank

    def begin(self, logarithms: Logarithms, convention: str) -> None:
        super().begin(logarithms, convention)
        if sys.stdout.isatty():
            raise ConfigError("an HTML page is not for a terminal; name a file with --output")
        self._scores: list[Score] = []

    def add(self, score: Score) -> None:
        self._scores.append(score)

    def end(self) -> None:
        write(page(self._scores, self._convention, self.model))
