"""How well a classifier answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charlm.measures.classification import LabelMeasures
from charlm.wording import figure, plural


@dataclass(frozen=True)
class LabelEvaluation:
    """Sums and figures over the held-out texts.

    examples: number of texts. right: those with the right answer. nats: minus the log-probability of the labels that
    the model knows, `known` in number. macro_f1: mean F1 of the labels. naive: right answers of the most frequent
    label.
    """

    examples: int
    right: int
    nats: float
    known: int
    macro_f1: float | None
    naive: int

    @property
    def objective(self) -> tuple[float, ...]:
        """Accuracy, and nats among networks of equal accuracy. Nats that are not finite are never better."""
        return (-float(self.right), self.nats) if np.isfinite(self.nats) else (float("nan"),)

    @property
    def headline(self) -> float | None:
        """Accuracy."""
        return self.right / self.examples if self.examples else None

    @property
    def nats_per_label(self) -> float | None:
        return self.nats / self.known if self.known else None

    @property
    def brief(self) -> str:
        return f"accuracy {figure(self.headline)}  {figure(self.nats_per_label)} nats"

    @property
    def sentence(self) -> str:
        naive = figure(self.naive / self.examples if self.examples else None)
        on = f"on {plural(self.examples, 'text')}; the most frequent label alone has {naive}"
        return f"accuracy {figure(self.headline)} {on}; {figure(self.nats_per_label)} nats per label"

    def summary(self) -> dict[str, float | None]:
        return {
            "accuracy": self.headline,
            "macro_f1": self.macro_f1,
            "nats_per_label": self.nats_per_label,
            "examples": self.examples,
        }

    def curves(self) -> dict[str, float | None]:
        return {"loss": self.nats_per_label, "accuracy": self.headline}


def evaluation_of(
    truth: Sequence[str], labels: Sequence[str], logprobs: NDArray[np.float64], majority: str
) -> LabelEvaluation:
    """Evaluate log P of each label (n, K) against the truth, which may have labels that the model does not know."""
    number = {label: index for index, label in enumerate(labels)}
    logprobs = logprobs.reshape(len(truth), len(labels))
    predicted = [labels[index] for index in logprobs.argmax(1)]
    known = [(row, number[label]) for row, label in enumerate(truth) if label in number]
    figures = LabelMeasures(truth, predicted, labels).figures() if truth else {}
    return LabelEvaluation(
        examples=len(truth),
        right=sum(one == other for one, other in zip(truth, predicted, strict=True)),
        nats=-float(sum(logprobs[target] for target in known)),
        known=len(known),
        macro_f1=figures.get("macro_f1"),
        naive=sum(label == majority for label in truth),
    )
