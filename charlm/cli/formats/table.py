"""Scores as a table for people: one row per token, the figures of each text, and how it was scored."""

import math
import sys

from charlm.cli.formats import ScoreWriter
from charlm.cli.formats._names import names
from charlm.cli.output import in_own_signs, write, write_lines
from charlm.scoring.measure import NATS
from charlm.scoring.score import Score
from charlm.scoring.summary import Logarithms, Total, summary

_SHARES = (
    "gate: weight of the counts of n-grams before the token is known; counts: their share of its probability,"
    " gate · P(token by the counts) / P(token)\n"
)


class Table(ScoreWriter):
    """Columns for people."""

    order = 10

    def begin(self, logarithms: Logarithms, convention: str) -> None:
        super().begin(logarithms, convention)
        self._total = Total()
        self._shares = False  # whether the columns of counts were written

    def add(self, score: Score) -> None:
        self._total.add(score)
        unit = self._logarithms.names[1]
        heads = {"token": 10, "probability": 11, f"surprisal ({unit})": 16}
        if score.ranks is not None:
            heads |= {f"entropy ({unit})": 14, "rank": 6}
            if score.gates is not None:
                heads |= {"rank": 5, "gate": 4, "counts": 6}  # 80 columns in all
                self._shares = True
        heads = {head: max(width, len(head)) for head, width in heads.items()}
        given, scored = names(score, repr, unknown=lambda original: f"<UNK> {original!r}")
        rows = [list(heads), *([name, *["–"] * (len(heads) - 1)] for name in given)]
        rows += [[name, *self._figures(score, index)] for index, name in enumerate(scored)]
        lines = ("".join(f"  {cell:>{heads[head]}}" for cell, head in zip(row, heads, strict=True)) for row in rows)
        write("\n".join([repr(score.text), *(in_own_signs(line, sys.stdout) for line in lines), ""]))
        write_lines(f"  {summary(score, self._logarithms)}\n")

    def end(self) -> None:
        if self._total.texts > 1:
            write_lines(f"all {self._total.texts:,} texts: {self._total.figures(self._logarithms)}\n")
        write_lines(f"{self._convention}\n{_SHARES * self._shares}")

    def _figures(self, score: Score, index: int) -> list[str]:
        nats, logprob = NATS[self._logarithms.surprisal], score.logprobs[index]
        figures = [f"{math.exp(logprob):.6f}", f"{0.0 - logprob / nats:.3f}"]
        if score.entropies is not None and score.ranks is not None:
            figures += [f"{score.entropies[index] / nats:.3f}", f"{score.ranks[index]:,}"]
            if score.gates is not None and score.counts_shares is not None:
                figures += [f"{score.gates[index]:.2f}", f"{score.counts_shares[index]:.3f}"]
        return figures
