"""Scores as KenLM's `query` prints them: one line per sentence, and four lines for all.

A sentence is a line of `word=number length log10` and a tab for each word and `</s>`, then `Total: log10 OOV: count`.
The number is 0 for an unknown word, 2 for `</s>`, and 1 for every other word, since charlm's models do not number
words. `length` counts the words of the sentence so far. The last four lines are the perplexity with and without unknown
words, the number of unknown words, and the number of words. A last line without a newline is a sentence too; `query`
omits its end and its total.
"""

from typing import Any

import numpy as np

from charlm import kenlm
from charlm.cli.formats import Request, ScoreWriter
from charlm.cli.output import write
from charlm.errors import ConfigError
from charlm.nn.probability import perplexity
from charlm.scoring.measure import NATS
from charlm.scoring.score import Score
from charlm.scoring.summary import Logarithms


class Kenlm(ScoreWriter):
    """Each line is a sentence: words separated by single spaces."""

    order = 40
    base = "10"
    by_line = True

    def check(self, request: Request) -> None:
        if request.base not in (None, self.base) or request.unit is not None or request.unknown == "skip":
            raise ConfigError(
                "the format kenlm has logarithms to base 10, scores words and skips nothing;"
                " leave --base, --unit and --unknown skip out"
            )
        if request.full:
            raise ConfigError("the format kenlm has no entropy and no rank; leave --full out, or use another format")

    def prepare(self, text: str) -> str:
        return kenlm.sentence(text)

    def note(self, convention: str, *, one_tokenization: bool) -> str:
        return convention

    def begin(self, logarithms: Logarithms, convention: str) -> None:
        super().begin(logarithms, convention)
        self._values: dict[bool, float] = {False: 0.0, True: 0.0}  # unknown word or not → log10 P
        self._words: dict[bool, int] = {False: 0, True: 0}  # unknown word or not → number of words

    def add(self, score: Score) -> None:
        words = kenlm.words(score)
        for word in words:
            self._values[word.oov] += word.value
            self._words[word.oov] += 1
        shown = (f"{word.text}={_number(word)} {word.length} {shortest(np.float32(word.value))}\t" for word in words)
        total, unknown = np.float32(sum(word.value for word in words)), sum(word.oov for word in words)
        write(f"{''.join(shown)}Total: {shortest(total)} OOV: {unknown}\n")

    def end(self) -> None:
        values, words = self._values, self._words
        including = perplexity(-sum(values.values()) * NATS["10"], sum(words.values()))
        excluding = perplexity(-values[False] * NATS["10"], words[False])
        write(
            f"Perplexity including OOVs:\t{shortest(np.float64(including or np.nan))}\n"
            f"Perplexity excluding OOVs:\t{shortest(np.float64(excluding or np.nan))}\n"
            f"OOVs:\t{words[True]}\nTokens:\t{sum(words.values())}\n"
        )


def shortest(value: "np.floating[Any]") -> str:
    """Return the shortest decimal that equals a number in its precision, as KenLM writes it: -3, 1e-7, inf, NaN."""
    if not np.isfinite(value):
        return "NaN" if np.isnan(value) else str(value)
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        return np.format_float_positional(value, unique=True, trim="-")
    return np.format_float_scientific(value, unique=True, trim="-", exp_digits=1).replace("+", "")


def _number(word: kenlm.Word) -> int:
    if word.oov:
        return 0
    return 2 if word.end else 1
