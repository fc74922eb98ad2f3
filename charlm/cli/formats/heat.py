"""Scores as a heat map in the terminal: each token on the color of its surprisal, above a digit that says the same."""

from charlm.cli.formats import Request, ScoreWriter
from charlm.cli.formats._names import names
from charlm.cli.output import write_lines
from charlm.cli.view.heat_text import HeatText
from charlm.errors import ConfigError
from charlm.scoring import units
from charlm.scoring.heat import COLORS, bits_per_level, level
from charlm.scoring.score import Score
from charlm.scoring.summary import Logarithms, summary
from charlm.scoring.units import Unit
from charlm.tokenizers import Tokenizer


class Heat(ScoreWriter):
    """Two lines at a time, text above digits; a legend follows the last text."""

    order = 50
    flag = "Print the text, colored by surprisal."

    def check(self, request: Request) -> None:
        if request.base is not None:
            raise ConfigError("the heat map shows surprisal in bits; leave --base out")
        if request.full:
            raise ConfigError("the heat map has no entropy and no rank; leave --full out, or use another format")

    def unit(self, tokenizer: Tokenizer) -> Unit:
        return units.display_unit(tokenizer)

    def begin(self, logarithms: Logarithms, convention: str) -> None:
        super().begin(logarithms, convention)
        self._page = HeatText()
        self._step = 0
        self._unknown = False  # whether a token was unknown

    def add(self, score: Score) -> None:
        self._step = bits_per_level(score.unit)
        given, scored = names(score, str, unknown=str)
        for token in given:
            self._page.put(token, None)
        last = len(scored) - 1 if score.eos else None
        for index, (token, logprob) in enumerate(zip(scored, score.logprobs, strict=True)):
            if score.tokens[index] is None and index != last:
                self._page.put_unknown(token)
                self._unknown = True
            else:
                self._page.put(token, level(logprob, score.unit))
        self._page.end()
        write_lines(f"  {summary(score, self._logarithms)}\n")

    def end(self) -> None:
        most = len(COLORS) - 1
        width = "in bits" if self._step <= 1 else f"in steps of {self._step} bits"
        self._page.legend(
            "surprisal",
            f"{width}, rounded down; {most} is {most} or more{'; ? is unknown to the model' * self._unknown}",
        )
        write_lines(f"{self._convention}\n")
