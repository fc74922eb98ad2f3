"""Measure tags: each token, each sentence, and the spans that the tags mark.

Spans are counted as conlleval counts them (Tjong Kim Sang & Buchholz 2000): a span is right if its start, its end, and
its type are, and I-X after O begins a span. The strict figures count only spans that are marked as the scheme demands.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from charlm.measures import Figures, Floats, Measures, check_same_length, precision_recall_f1, ratio
from charlm.measures.classification import LabelFigures, LabelMeasures
from charlm.measures.schemes import Scheme, Span, recognize, spans, strict_spans

Sentences = Sequence[Sequence[str]]


class TagMeasures(Measures):
    """Answers of one tag for each token. An example is a sentence.

    `scheme` is that of the true tags if none is given. Plain tags have no spans: `labels` then has the figures of each
    tag, and otherwise those of each type of span.
    """

    def __init__(self, truth: Sentences, predicted: Sentences, scheme: Scheme | None = None) -> None:
        check_same_length(predicted, truth)
        for answer, true in zip(predicted, truth, strict=True):
            check_same_length(answer, true)
        self.examples = len(truth)
        self.scheme = recognize(truth).scheme if scheme is None else scheme
        pairs = list(zip(truth, predicted, strict=True))
        right = [sum(map(str.__eq__, *pair)) for pair in pairs]
        self._tokens = np.array(
            [[count, len(true)] for count, true in zip(right, truth, strict=True)], dtype=np.float64
        )
        self._tokens = self._tokens.reshape(-1, 2)  # right, all
        self.by_token = LabelMeasures(list(chain(*truth)), list(chain(*predicted)))
        has_spans = self.scheme is not Scheme.PLAIN
        both = [(spans(true), spans(answer)) for true, answer in pairs] if has_spans else []
        self.counts, self._by_type = _count(both)
        strict = [tuple(strict_spans(self.scheme, tags) for tags in pair) for pair in pairs] if has_spans else []
        self.strict_counts, _ = _count(strict)

    @property
    def right(self) -> Floats:
        return np.asarray(self._tokens[:, 0] == self._tokens[:, 1], dtype=np.float64)

    def figures(self, weights: Floats | None = None) -> Figures:
        weights = np.ones(self.examples) if weights is None else weights
        right, tokens = weights @ self._tokens  # whole numbers, so the order of the sum does not matter
        precision, recall, f1 = _span_figures(self.counts, weights)
        return {
            "token_accuracy": ratio(right, tokens),
            "span_precision": precision,
            "span_recall": recall,
            "span_f1": f1,
            "sentence_accuracy": ratio(float(weights @ self.right), weights.sum()),
        }

    def strict(self) -> Figures:
        """Return the figures of spans that are marked as the scheme demands."""
        figures = _span_figures(self.strict_counts, np.ones(self.examples))
        return dict(zip(("span_precision", "span_recall", "span_f1"), figures, strict=True))

    def by_label(self) -> dict[str, LabelFigures]:
        """Return the figures of each type of span, or of each plain tag, in the order of their names."""
        return self.by_token.by_label() if self.scheme is Scheme.PLAIN else self._by_type

    def details(self) -> dict[str, Any]:
        labels = {label: figures._asdict() for label, figures in self.by_label().items()}
        details: dict[str, Any] = {"scheme": self.scheme.value, "labels": labels}
        if self.scheme is Scheme.PLAIN:
            return {**details, "confusion": self.by_token.confusion()}
        return {**details, "strict": self.strict()}


def _count(pairs: Sequence[Sequence[list[Span]]]) -> tuple[Floats, dict[str, LabelFigures]]:
    """Count the spans of sentences, true and predicted: (n, 3) right, predicted, true; and the figures of each type."""
    by_type: dict[str, Counter[int]] = {}
    counts = np.zeros((len(pairs), 3))
    for row, (true, predicted) in zip(counts, pairs, strict=True):
        for column, each in enumerate((set(true) & set(predicted), predicted, true)):
            row[column] = len(each)
            for span in each:
                by_type.setdefault(span.type, Counter())[column] += 1
    figures = {
        kind: LabelFigures(*precision_recall_f1(number[0], number[1], number[2]), number[2], number[1])
        for kind, number in sorted(by_type.items())
    }
    return counts, figures


def _span_figures(counts: Floats, weights: Floats) -> tuple[float | None, float | None, float | None]:
    """Return precision, recall, and F1 over sentences; None for plain tags, and if there are no spans."""
    if not len(counts):
        return None, None, None
    correct, predicted, support = weights @ counts
    return precision_recall_f1(correct, predicted, support) if predicted or support else (None, None, None)
