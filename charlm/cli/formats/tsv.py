"""Scores as tab-separated values: one row per token."""

from charlm.cli.formats import ScoreWriter
from charlm.cli.formats._names import names
from charlm.cli.output import write
from charlm.files import tsv
from charlm.scoring.measure import NATS
from charlm.scoring.score import Score
from charlm.scoring.summary import Logarithms


class Tsv(ScoreWriter):
    """Rows under a header that names the units. Sentences and positions count from 1; unknown values are empty."""

    order = 30
    flag = (
        "Print tab-separated values, one row per token. A token that begins with a quotation mark is quoted as in CSV."
        " Tab, newline, carriage return, and backslash are written as \\t, \\n, \\r, and \\\\."
    )

    def alternatives(self, *, tokens: bool, full: bool) -> int | None:
        return 0 if tokens else None  # a word has no rank

    def note(self, convention: str, *, one_tokenization: bool) -> str:
        return convention

    def begin(self, logarithms: Logarithms, convention: str) -> None:
        super().begin(logarithms, convention)
        self._sentence = 0
        logprob, surprisal = logarithms.names
        columns = ["sentence", "position", "token", f"logprob_{logprob}", f"surprisal_{surprisal}"]
        columns += [f"entropy_{surprisal}", "rank", *("gate", "counts_share") * self.has_counts]
        write(tsv.row(columns))
        self._given = [""] * (len(columns) - 3)

    def add(self, score: Score) -> None:
        self._sentence += 1
        given, scored = names(score, str)
        rows = [[name, *self._given] for name in given]
        rows += [[name, *self._figures(score, index)] for index, name in enumerate(scored)]
        numbered = enumerate(rows, start=1)
        write("".join([tsv.row([str(self._sentence), str(number), *row]) for number, row in numbered]))

    def _figures(self, score: Score, index: int) -> list[str]:
        logprob, nats = score.logprobs[index], NATS[self._logarithms.surprisal]
        figures = [f"{logprob / NATS[self._logarithms.logprob]:.9g}", f"{0.0 - logprob / nats:.9g}"]
        if score.entropies is None or score.ranks is None:
            figures += ["", ""]
        else:
            figures += [f"{score.entropies[index] / nats:.9g}", str(score.ranks[index])]
        if score.gates is not None and score.counts_shares is not None:
            figures += [f"{score.gates[index]:.9g}", f"{score.counts_shares[index]:.9g}"]
        return figures
