"""How well a classifier answers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from charlm.config import ModelConfig
from charlm.cost import Cost
from charlm.measures import Measures
from charlm.measures.classification import LabelMeasures, LabelSetMeasures
from charlm.tasks import Metrics
from charlm.wording import figure, plural

METRICS = ("accuracy", "macro_f1", "nats")
THRESHOLD = 0.5  # probability of a label that a text gets, if it may have several


@dataclass(frozen=True)
class LabelEvaluation(Metrics):
    """Sums and figures over the held-out texts.

    examples: number of texts. right: those with the right answer. nats: minus the log-probability of the labels that
    the model knows, of `known` texts. macro_f1: mean F1 of the labels. naive: right answers of the most frequent
    label. metric: what the best network is chosen by, one of METRICS. target: what the nats are counted per.
    """

    examples: int
    right: int
    nats: float
    known: int
    macro_f1: float | None
    naive: int
    metric: str = METRICS[0]
    target: str = "label"

    @property
    def objective(self) -> tuple[float, ...]:
        """The metric, and nats among networks that it finds equal. Nats that are not finite are never better."""
        if not math.isfinite(self.nats):
            return (math.nan,)
        first = {"accuracy": float(self.right), "macro_f1": self.macro_f1 or 0.0, "nats": 0.0}[self.metric]
        return (-first, self.nats)

    @property
    def cost(self) -> Cost:
        if self.metric == "nats" or not math.isfinite(self.nats):
            return Cost(self.mean_nats, f"nats per {self.target}")
        if self.metric == "macro_f1":
            return Cost(self.macro_f1, "macro F1", gain=True)
        return Cost(self.headline, "accuracy", gain=True)

    @property
    def headline(self) -> float | None:
        """Accuracy."""
        return self.right / self.examples if self.examples else None

    @property
    def mean_nats(self) -> float | None:
        return self.nats / self.known if self.known else None

    @property
    def brief(self) -> str:
        macro = f"  macro F1 {figure(self.macro_f1)}" if self.metric == "macro_f1" else ""
        return f"accuracy {figure(self.headline)}{macro}  {figure(self.mean_nats)} nats"

    @property
    def sentence(self) -> str:
        naive = figure(self.naive / self.examples if self.examples else None)
        on = f"on {plural(self.examples, 'text')}; the most frequent label alone has {naive}"
        return f"accuracy {figure(self.headline)} {on}; {figure(self.mean_nats)} nats per {self.target}"

    def summary(self) -> dict[str, float | None]:
        return {
            "accuracy": self.headline,
            "macro_f1": self.macro_f1,
            f"nats_per_{self.target}": self.mean_nats,
            "examples": self.examples,
        }

    def curves(self) -> dict[str, float | None]:
        return {"loss": self.mean_nats, "accuracy": self.headline}


def evaluation_of(
    truth: Sequence[tuple[str, ...]],
    labels: Sequence[str],
    logprobs: NDArray[np.float64],
    majority: str,
    config: ModelConfig,
) -> LabelEvaluation:
    """Evaluate log P of each label (n, K) against the truth, which may have labels that the model does not know."""
    number = {label: index for index, label in enumerate(labels)}
    logprobs = logprobs.reshape(len(truth), len(labels))
    measures = measures_of(truth, labels, logprobs, config)
    figures = measures.figures() if truth else {}
    if config.multi_label:
        nats, known = (figures.get("log_loss") or 0.0) * len(truth), len(truth)
        if not np.isfinite(logprobs).all():
            nats = math.nan
    else:
        targets = [(row, number[label]) for row, (label,) in enumerate(truth) if label in number]
        nats, known = -float(sum(logprobs[target] for target in targets)), len(targets)
    return LabelEvaluation(
        examples=len(truth),
        right=round((figures.get("accuracy") or 0.0) * len(truth)),
        nats=nats,
        known=known,
        macro_f1=figures.get("macro_f1"),
        naive=sum(each == (majority,) for each in truth),
        metric=config.metric or METRICS[0],
        target="text" if config.multi_label else "label",
    )


def measures_of(
    truth: Sequence[tuple[str, ...]], labels: Sequence[str], logprobs: NDArray[np.float64], config: ModelConfig
) -> Measures:
    """Measure answers of which log P of each label is known: (n, K)."""
    probabilities = np.exp(logprobs).reshape(len(truth), len(labels))
    if config.multi_label:
        answers = [list(compress(labels, row >= THRESHOLD)) for row in probabilities]
        return LabelSetMeasures(truth, answers, labels, probabilities)
    predicted = [labels[index] for index in probabilities.argmax(1)] if truth else []
    return LabelMeasures([label for (label,) in truth], predicted, labels, probabilities)


def naive_measures(truth: Sequence[tuple[str, ...]], label: str, config: ModelConfig) -> Measures:
    """Measure the answer of one label to each text."""
    if config.multi_label:
        return LabelSetMeasures(truth, [(label,)] * len(truth))
    return LabelMeasures([each for (each,) in truth], [label] * len(truth))
