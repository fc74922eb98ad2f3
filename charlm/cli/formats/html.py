"""Scores as a heat map in an HTML page, written when all scores are known."""

from dataclasses import dataclass, field
from pathlib import Path

from charlm.cli.formats import Request, ScoreWriter
from charlm.cli.formats._figures import Logarithms
from charlm.cli.output import write
from charlm.errors import ConfigError
from charlm.files.atomic import write_atomic
from charlm.pages.heat_page import page
from charlm.scoring import units
from charlm.scoring.score import Score
from charlm.scoring.units import Unit
from charlm.tokenizers import Tokenizer

_ON_HOVER = 5  # most likely tokens to show for each token


@dataclass
class Html(ScoreWriter):
    """One self-contained page; its path goes to stdout."""

    order = 60
    html: str = field(
        metadata={
            "help": "Write the heat map to an HTML page; hover over a token for its alternatives.",
            "metavar": "FILE",
        }
    )

    def check(self, request: Request) -> None:
        if request.base is not None:
            raise ConfigError("the heat map shows surprisal in bits; leave --base out")

    def unit(self, tokenizer: Tokenizer) -> Unit:
        return units.display_unit(tokenizer)

    def alternatives(self, *, tokens: bool, full: bool) -> int | None:
        return _ON_HOVER if tokens else None  # a word has no rank

    def begin(self, logarithms: Logarithms, convention: str) -> None:
        super().begin(logarithms, convention)
        self._scores: list[Score] = []

    def add(self, score: Score) -> None:
        self._scores.append(score)

    def end(self) -> None:
        html = page(self._scores, self._convention)
        write_atomic(Path(self.html), html.encode(errors="backslashreplace"))
        write(f"{self.html}\n")
