"""Measure the answers of a model next to naive answers, and compute how certain each figure is.

Everything here takes plain sequences of answers and of what is right. It knows neither models nor files, and needs
numpy alone. `Measures` is the contract: `classification.py` has it for labels, `spans.py` for tags, `texts.py` for
texts, and `forecasts.py` for series. `reports.py` writes their figures for a person, and
`paired.py` compares two models.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sized
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charlm.measures.bootstrap import intervals

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Figures = dict[str, float | None]


class Measures(ABC):
    """Measured answers to a number of examples. A figure that does not exist, as for no examples, is None."""

    examples: int

    @abstractmethod
    def figures(self, weights: Floats | None = None) -> Figures:
        """Return the figures by the names that they have in JSON.

        `weights` (n,) counts each example that often; without it, each counts once.
        """

    @property
    def right(self) -> Floats | None:
        """1 for each example whose answer is right as a whole, otherwise 0: (n,). None if there is no such thing."""
        return None

    def details(self) -> dict[str, Any]:
        """Return what else JSON has, such as the figures of each label."""
        return {}

    def intervals(self) -> dict[str, tuple[float, float] | None]:
        """Return the 95 % bootstrap interval of each figure over the examples; None for fewer than two examples."""
        return intervals(self.examples, self.figures)

    def values(self, naive: Mapping[str, "Measures"] | None = None) -> dict[str, Any]:
        """Return all of it as values of JSON.

        `naive` has the measures of naive answers. The figures of the first are under `naive`, and those of each other
        one are in there under its name.
        """
        values = {**self.figures(), **self.details(), "interval": self.intervals()}
        if naive:
            first, *others = naive
            values["naive"] = {**naive[first].figures(), **{name: naive[name].figures() for name in others}}
        return values


def check_same_length(answers: Sized, examples: Sized) -> None:
    """Raise ValueError if there is not one answer for each example."""
    if len(answers) != len(examples):
        raise ValueError(f"{len(answers):,} answers were given for {len(examples):,} examples; give one for each")


def ratio(part: float, whole: float) -> float | None:
    """Return part / whole; None if `whole` is zero."""
    return float(part / whole) if whole else None


def mean(values: Floats, weights: Floats | None = None) -> float | None:
    """Return the weighted mean of (n,) values; None if there are none."""
    if weights is None:
        return float(values.mean()) if len(values) else None
    return ratio(float((values * weights).sum()), float(weights.sum()))


def precision_recall_f1(correct: float, predicted: float, support: float) -> tuple[float, float, float]:
    """Return the figures of a label from its counts. A ratio of nothing is 0, as in scikit-learn and conlleval."""
    precision, recall = ratio(correct, predicted) or 0.0, ratio(correct, support) or 0.0
    return precision, recall, ratio(2 * correct, predicted + support) or 0.0
