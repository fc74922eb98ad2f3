"""What KenLM's `query` prints: a line for each sentence, four for all.

`word=number length log10` and a tab for each word and `</s>`, then `Total: log10 OOV: unknown words`. The number is 0
for an unknown word, 2 for `</s>` and 1 for every other, since a model of characters does not number words; `length` is
that of the whole sentence so far. At the end perplexity with and without unknown words, their number and that of all.
A last line without its newline is a sentence too; `query` leaves out its end and its total.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from charlm import kenlm
from charlm.cli.output import write
from charlm.nn.probability import perplexity
from charlm.scoring.measure import NATS

if TYPE_CHECKING:
    from charlm.scoring.score import Score


class Query:
    """Each text is a sentence: words with one space between them."""

    def __init__(self) -> None:
        self._values: dict[bool, float] = {False: 0.0, True: 0.0}  # log10 P of the words, by whether they are unknown
        self._words: dict[bool, int] = {False: 0, True: 0}

    def add(self, found: "Score") -> None:
        words = kenlm.words(found)
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
    """The shortest decimal that is this number in its precision, as KenLM writes it: -3, -0.25, 1e-7, inf, NaN."""
    if not np.isfinite(value):
        return "NaN" if np.isnan(value) else str(value)
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        return np.format_float_positional(value, unique=True, trim="-")
    return np.format_float_scientific(value, unique=True, trim="-", exp_digits=1).replace("+", "")


def _number(word: kenlm.Word) -> int:
    if word.oov:
        return 0
    return 2 if word.end else 1
