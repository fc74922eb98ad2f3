"""Measure texts: exact matches, wrong symbols, chrF, and BLEU. An example may have several targets that are right."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from charlm.measures import Figures, Floats, Measures, check_same_length, mean, ratio
from charlm.measures.bleu import MISSING, Bleu, bleu
from charlm.measures.chrf import ORDER, chrf, statistics
from charlm.measures.edits import Symbols, edit_distances


class TextMeasures(Measures):
    """Answers of one text for each example.

    `split` cuts a text into the symbols that edits count: characters, or with `str.split` words or phones. Edits are
    counted against the target that needs fewest of them, the first of several; the symbol error rate is the number of
    edits divided by the number of symbols in those targets. It may exceed 1.
    """

    def __init__(
        self, answers: Sequence[str], targets: Sequence[Sequence[str]], split: Callable[[str], Symbols] = str
    ) -> None:
        check_same_length(answers, targets)
        if not all(targets):
            raise ValueError("an example has no target; give one or more for each")
        self.examples = len(answers)
        self._answers, self._targets = answers, targets
        self._exact = np.array(
            [answer in each for answer, each in zip(answers, targets, strict=True)], dtype=np.float64
        )
        owners = np.repeat(np.arange(self.examples), np.array([len(each) for each in targets], dtype=np.int64))
        symbols = [split(target) for each in targets for target in each]
        distances = edit_distances([split(answers[owner]) for owner in owners.tolist()], symbols)
        best = np.lexsort((distances, owners))[np.unique(owners, return_index=True)[1]]
        self._edits = np.array(
            [distances[best], [len(symbols[index]) for index in best.tolist()]], dtype=np.float64
        )  # (2, n)
        counts = [statistics(answer, each) for answer, each in zip(answers, targets, strict=True)]
        self._grams = np.array(counts).reshape(-1, ORDER * 3)

    @property
    def edits(self) -> tuple[int, int]:
        """The number of edits, and of symbols in the targets."""
        edits, symbols = self._edits.sum(axis=1).astype(int).tolist()
        return edits, symbols

    @property
    def exact(self) -> int:
        """The number of answers that equal a target."""
        return int(self._exact.sum())

    @cached_property
    def bleu(self) -> Bleu | None:
        """BLEU, by sacreBLEU; None if it is not installed."""
        return bleu(self._answers, self._targets)

    @property
    def right(self) -> Floats:
        return self._exact

    def figures(self, weights: Floats | None = None) -> Figures:
        weights = np.ones(self.examples) if weights is None else weights
        edits, symbols = self._edits @ weights  # whole numbers, so the order of the sum does not matter
        grams = (weights @ self._grams).reshape(ORDER, 3)
        return {
            "exact_match": mean(self._exact, weights),
            "symbol_error_rate": ratio(edits, symbols),
            "chrf": chrf(grams) if self.examples else None,
        }

    def details(self) -> dict[str, Any]:
        if self.bleu is None:
            return {"bleu": None, **({"bleu_missing": MISSING} if self.examples else {})}
        return {"bleu": self.bleu.score, "bleu_signature": self.bleu.signature}
