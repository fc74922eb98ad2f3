"""Measure labels: one for each example, or several.

- A label that occurs in the truth and that the model does not know is an error of the model. Its probability counts as
  zero.
- Macro F1 is the mean of F1 over the labels that occur in the truth. A label that is predicted and never right lowers
  the figures of the labels that it replaces, and has no share of its own.
- A ratio of nothing, such as the precision of a label that is never predicted, is 0.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from charlm.measures import Figures, Floats, Integers, Measures, check_same_length, mean, precision_recall_f1, ratio

CALIBRATION_BINS = 15
_LEAST_PROBABILITY = float(np.finfo(np.float64).eps)  # for the log loss: 36 nats; scikit-learn has it too


class LabelFigures(NamedTuple):
    """Figures of one label. `support` examples have it in truth, and `predicted` are those that got it."""

    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


class _Counts:
    """Counts of labels by index: right answers, answers, and truth."""

    def __init__(self, labels: Sequence[str], correct: Integers, predicted: Integers, support: Integers) -> None:
        self.labels, self.size = labels, len(labels)
        self._indices = correct, predicted, support

    def table(self, *weights: Floats | None) -> Floats:
        """Return (3, K): how often each label is right, predicted, and true; one array of weights for each row."""
        rows = zip(self._indices, weights, strict=True)
        return np.array([np.bincount(row, each, self.size) for row, each in rows], dtype=np.float64)

    def figures(self, *weights: Floats | None) -> dict[str, LabelFigures]:
        columns = self.table(*weights).T
        return {
            label: LabelFigures(*precision_recall_f1(*column), support=int(column[2]), predicted=int(column[1]))
            for label, column in zip(self.labels, columns, strict=True)
            if column.any()
        }


def macro_f1(table: Floats) -> float | None:
    """Return the mean of F1 over the labels that occur in the truth, from (3, K) counts: right, predicted, true."""
    correct, predicted, support = table[:, table[2] > 0]
    return mean(2 * correct / (predicted + support))


def calibration_error(confidence: Floats, correct: Floats, weights: Floats | None = None) -> float | None:
    """Return the expected calibration error (Naeini et al. 2015; Guo et al. 2017).

    The probability of each answer is in one of 15 equal bins, (0, 1/15], …, (14/15, 1]. The error of a bin is the
    difference between its share of right answers and its mean probability. The result is the mean of the bins' errors,
    weighted by their numbers of examples.
    """
    weights = np.ones(len(confidence)) if weights is None else weights
    gaps = np.bincount(_bins(confidence), weights * (correct - confidence), CALIBRATION_BINS)
    return ratio(float(np.abs(gaps).sum()), float(weights.sum()))


def _bins(confidence: Floats) -> Integers:
    """Return the bin of each probability."""
    return np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(np.int64) - 1, 0, CALIBRATION_BINS - 1)


def area_under_curve(scores: Floats, positive: Floats, weights: Floats | None = None) -> float | None:
    """Return the probability that a positive example has a higher score than a negative one; ties count half.

    It is None unless there are both. It is the area under the ROC curve (Hanley & McNeil 1982).
    """
    weights = np.ones(len(scores)) if weights is None else weights
    distinct, group = np.unique(scores, return_inverse=True)
    positives = np.bincount(group, weights * positive, len(distinct))
    negatives = np.bincount(group, weights * (1 - positive), len(distinct))
    below = np.cumsum(negatives) - negatives
    return ratio(float((positives * (below + negatives / 2)).sum()), float(positives.sum() * negatives.sum()))


def matthews(table: Floats) -> float | None:
    """Return Matthews' correlation coefficient of two labels, from (3, 2) counts: right, predicted, true.

    It is 0 if only one label is predicted or true.
    """
    correct, predicted, support = table
    examples = float(support.sum())
    covariance = correct.sum() * examples - (predicted * support).sum()
    spread = (examples**2 - (predicted**2).sum()) * (examples**2 - (support**2).sum())
    return ratio(float(covariance), float(spread) ** 0.5) or (0.0 if examples else None)


def _chosen(probabilities: Floats, columns: Integers) -> Floats:
    """Return the probability in one column of each row, (n,); 0 in column −1."""
    return np.where(columns < 0, 0.0, probabilities[np.arange(len(columns)), columns])


class LabelMeasures(Measures):
    """Answers of one label for each example.

    `probabilities` is (n, K), with a column for each label in `known`; without it, there are no calibration error, log
    loss, and AUC. `labels` are all labels: those known, in truth, and predicted.
    """

    def __init__(
        self,
        truth: Sequence[str],
        predicted: Sequence[str],
        known: Sequence[str] = (),
        probabilities: ArrayLike | None = None,
    ) -> None:
        check_same_length(predicted, truth)
        self.examples = len(truth)
        self.labels = tuple(sorted({*known, *truth, *predicted}))
        index = {label: number for number, label in enumerate(self.labels)}
        self._truth = np.array([index[label] for label in truth], dtype=np.int64)
        self._predicted = np.array([index[label] for label in predicted], dtype=np.int64)
        self._right = self._truth == self._predicted
        self._counts = _Counts(self.labels, self._truth[self._right], self._predicted, self._truth)
        self.unknown = len(set(self._truth.tolist()) - {index[label] for label in known}) if known else 0
        self._confidence = self._loss = self._score = None  # probability of the answer, −log P(truth), of label 1
        if probabilities is not None:
            given = np.asarray(probabilities, dtype=np.float64)
            check_same_length(given, truth)
            column = np.full(len(self.labels), -1)
            column[[index[label] for label in known]] = np.arange(len(known))
            self._confidence = _chosen(given, column[self._predicted])
            self._loss = -np.log(np.maximum(_chosen(given, column[self._truth]), _LEAST_PROBABILITY))
            if len(self.labels) == 2:
                self._score = _chosen(given, np.full(len(given), column[1]))

    @property
    def right(self) -> Floats:
        return np.asarray(self._right, dtype=np.float64)

    def figures(self, weights: Floats | None = None) -> Figures:
        right = self._right.astype(np.float64)
        table = self._counts.table(None if weights is None else weights[self._right], weights, weights)
        figures: Figures = {"accuracy": mean(right, weights), "macro_f1": macro_f1(table)}
        if self._confidence is not None and self._loss is not None:
            figures["calibration_error"] = calibration_error(self._confidence, right, weights)
            figures["log_loss"] = mean(self._loss, weights)
        if len(self.labels) == 2:
            figures["mcc"] = matthews(table)
        if self._score is not None:
            figures["auc"] = area_under_curve(self._score, self._truth.astype(np.float64), weights)
        return figures

    def by_label(self) -> dict[str, LabelFigures]:
        """Return the figures of each label that is true or predicted, in the order of their names."""
        return self._counts.figures(None, None, None)

    def confusion(self) -> dict[str, dict[str, int]]:
        """Return how many examples of each true label got each label: {true: {predicted: count}}, without zeros."""
        cells, counts = np.unique(self._truth * len(self.labels) + self._predicted, return_counts=True)
        confusion: dict[str, dict[str, int]] = {}
        for cell, count in zip(cells.tolist(), counts.tolist(), strict=True):
            true, predicted = divmod(cell, len(self.labels))
            confusion.setdefault(self.labels[true], {})[self.labels[predicted]] = count
        return confusion

    def details(self) -> dict[str, Any]:
        labels = {label: figures._asdict() for label, figures in self.by_label().items()}
        return {"labels": labels, "confusion": self.confusion()}


class LabelSetMeasures(Measures):
    """Answers of several labels for each example, or none. An answer is right if all of its labels are.

    `probabilities` is (n, K): that an example has each label in `known`. Without it, there are no calibration error,
    log loss, P@1 and R@1. P@1 is the share of the examples whose likeliest label is one of theirs, and R@1 the share of
    the true labels that are found so, as in fastText.
    """

    def __init__(
        self,
        truth: Sequence[Collection[str]],
        predicted: Sequence[Collection[str]],
        known: Sequence[str] = (),
        probabilities: ArrayLike | None = None,
    ) -> None:
        check_same_length(predicted, truth)
        self.examples = len(truth)
        sets = [[set(labels) for labels in each] for each in (truth, predicted)]
        both = [true & answer for true, answer in zip(*sets, strict=True)]
        self._right = np.array([true == answer for true, answer in zip(*sets, strict=True)], dtype=np.float64)
        self.labels = tuple(sorted({*known, *(label for each in sets for labels in each for label in labels)}))
        self.unknown = len({label for labels in sets[0] for label in labels} - set(known)) if known else 0
        index = {label: number for number, label in enumerate(self.labels)}
        rows = [[(number, index[label]) for number, labels in enumerate(each) for label in sorted(labels)]
                for each in (both, sets[1], sets[0])]  # fmt: skip
        pairs = [np.array(row, dtype=np.int64).reshape(-1, 2) for row in rows]
        self._owners = [row[:, 0] for row in pairs]  # the example of each label
        self._counts = _Counts(self.labels, *(row[:, 1] for row in pairs))
        self._loss: Floats | None = None
        self._gaps: Floats | None = None
        self._hits: Floats | None = None
        if probabilities is not None and self.examples:
            self._compare(sets[0], known, np.asarray(probabilities, dtype=np.float64))

    def _compare(self, truth: Sequence[Collection[str]], known: Sequence[str], given: Floats) -> None:
        """Compare the probability of each known label with the truth."""
        check_same_length(given, truth)
        true = np.array([[label in labels for label in known] for labels in truth], dtype=np.float64)
        unknown = np.array([len(labels) for labels in truth]) - true.sum(1)  # true labels that have no probability
        of_truth = np.where(true > 0, given, 1 - given)
        losses = -np.log(np.maximum(of_truth, _LEAST_PROBABILITY)).sum(1)
        self._loss = losses - unknown * np.log(_LEAST_PROBABILITY)
        bins = _bins(given)
        self._gaps = np.stack([((true - given) * (bins == number)).sum(1) for number in range(CALIBRATION_BINS)], 1)
        self._hits = true[np.arange(len(true)), given.argmax(1)]
        self._decisions = len(known)

    @property
    def right(self) -> Floats:
        return self._right

    def figures(self, weights: Floats | None = None) -> Figures:
        each = [None if weights is None else weights[owners] for owners in self._owners]
        table = self._counts.table(*each)
        correct, predicted, support = table.sum(axis=1)
        figures: Figures = {
            "accuracy": mean(self._right, weights),
            "macro_f1": macro_f1(table),
            "micro_f1": ratio(2 * correct, predicted + support),
        }
        if self._loss is not None and self._gaps is not None and self._hits is not None:
            counts = np.ones(self.examples) if weights is None else weights
            figures["precision_at_1"] = mean(self._hits, weights)
            figures["recall_at_1"] = ratio(float(self._hits @ counts), support)
            decisions = float(counts.sum()) * self._decisions
            figures["calibration_error"] = ratio(float(np.abs(counts @ self._gaps).sum()), decisions)
            figures["log_loss"] = mean(self._loss, weights)
        return figures

    def by_label(self) -> dict[str, LabelFigures]:
        """Return the figures of each label that is true or predicted, in the order of their names."""
        return self._counts.figures(None, None, None)

    def details(self) -> dict[str, Any]:
        return {"labels": {label: figures._asdict() for label, figures in self.by_label().items()}}
