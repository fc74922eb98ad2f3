"""Scores as a table for people: a row for each token, the figures of each text, and what they mean."""

import math
from typing import TYPE_CHECKING

from charlm.cli.formats.figures import Logarithms, Total, names, summary
from charlm.cli.output import write
from charlm.scoring.measure import NATS

if TYPE_CHECKING:
    from charlm.scoring.score import Score


class Table:
    """`convention` is said at the end, once for all texts."""

    def __init__(self, logarithms: Logarithms, convention: str) -> None:
        self._logarithms, self._convention = logarithms, convention
        self._total = Total()

    def add(self, found: "Score") -> None:
        self._total.add(found)
        unit = self._logarithms.names[1]
        heads = {"token": 10, "probability": 11, f"surprisal ({unit})": 16}
        if found.ranks is not None:
            heads |= {f"entropy ({unit})": 16, "rank": 6}
        given, scored = names(found, repr)
        rows = [list(heads), *([name, *["–"] * (len(heads) - 1)] for name in given)]
        rows += [[name, *self._figures(found, place)] for place, name in enumerate(scored)]
        lines = ("".join(f"  {cell:>{heads[head]}}" for cell, head in zip(row, heads, strict=True)) for row in rows)
        write("\n".join([repr(found.text), *lines, summary(found, self._logarithms)]))

    def _figures(self, found: "Score", place: int) -> list[str]:
        nats, logprob = NATS[self._logarithms.surprisal], found.logprobs[place]
        figures = [f"{math.exp(logprob):.6f}", f"{0.0 - logprob / nats:.3f}"]
        if found.entropies is not None and found.ranks is not None:
            figures += [f"{found.entropies[place] / nats:.3f}", f"{found.ranks[place]:,}"]
        return figures

    def end(self) -> None:
        if self._total.texts > 1:
            write(f"all {self._total.texts:,} texts: {self._total.figures(self._logarithms)}\n")
        write(f"{self._convention}\n")
