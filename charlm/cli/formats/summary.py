"""The figures of all texts together, without those of the single tokens and texts."""

from charlm.cli.formats import ScoreWriter
from charlm.cli.output import write_lines
from charlm.scoring.score import Score
from charlm.scoring.summary import Logarithms, Total
from charlm.wording import plural


class Summary(ScoreWriter):
    """Two lines for people: the figures, and how the texts were scored."""

    order = 15
    flag = "Print only the figures of all texts together."

    def begin(self, logarithms: Logarithms, convention: str) -> None:
        super().begin(logarithms, convention)
        self._total = Total()

    def add(self, score: Score) -> None:
        self._total.add(score)

    def end(self) -> None:
        texts = f"{plural(self._total.texts, 'text')}, {plural(self._total.tokens, 'token')}"
        write_lines(f"{texts}: {self._total.figures(self._logarithms)}\n{self._convention}\n")
