"""Compare the answers of two models to the same examples."""

from typing import Any, NamedTuple

import numpy as np

from charlm.measures import Figures, Floats, Measures
from charlm.measures.bootstrap import Interval, intervals


class RightAnswers(NamedTuple):
    """Numbers of examples by who is right, as in McNemar's test."""

    both: int
    first: int  # alone
    second: int
    neither: int


class Paired(NamedTuple):
    """The figures of two models, and first − second with its 95 % interval by the paired bootstrap."""

    examples: int
    first: Figures
    second: Figures
    difference: Figures
    interval: dict[str, Interval | None]
    right: RightAnswers | None  # None if answers are not right or wrong, as forecasts are

    def values(self) -> dict[str, Any]:
        """Return all of it as values of JSON."""
        right = self.right and self.right._asdict()
        return {"difference": self.difference, "interval": self.interval, "right": right}


def compare(first: Measures, second: Measures) -> Paired:
    """Compare answers to the same examples. Raises ValueError if their numbers differ."""
    if first.examples != second.examples:
        raise ValueError(f"{first.examples:,} and {second.examples:,} answers cannot be compared")

    def differences(weights: Floats | None) -> Figures:
        one, other = first.figures(weights), second.figures(weights)
        return {name: _difference(value, other[name]) for name, value in one.items() if name in other}

    return Paired(
        first.examples,
        first.figures(),
        second.figures(),
        differences(None),
        intervals(first.examples, differences),
        _right_answers(first.right, second.right),
    )


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _right_answers(first: Floats | None, second: Floats | None) -> RightAnswers | None:
    if first is None or second is None:
        return None
    cells = np.bincount((2 * first + second).astype(np.int64), minlength=4)
    neither, only_second, only_first, both = cells.tolist()
    return RightAnswers(both, only_first, only_second, neither)
