"""How well a tagger answers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from charlm.cost import Cost
from charlm.measures.schemes import Scheme
from charlm.measures.spans import TagMeasures
from charlm.tasks import Metrics
from charlm.wording import figure, plural

METRICS = ("f1", "accuracy", "nats")


@dataclass(frozen=True)
class TagEvaluation(Metrics):
    """Figures over the held-out sentences.

    nats: minus the log-probability of the tags that the model knows, `known` in number. span_f1: as conlleval counts
    it; None for tags that mark no spans. naive: the same figure as the headline, for the most frequent tag of each
    word. metric: what the best network is chosen by, one of METRICS.
    """

    examples: int
    token_accuracy: float | None
    span_f1: float | None
    nats: float
    known: int
    naive: float | None
    metric: str

    @property
    def objective(self) -> tuple[float, ...]:
        """The metric, and nats among networks that it finds equal. Nats that are not finite are never better."""
        if not math.isfinite(self.nats):
            return (math.nan,)
        first = {"f1": self.span_f1 or 0.0, "accuracy": self.token_accuracy or 0.0, "nats": 0.0}[self.metric]
        return (-first, self.nats)

    @property
    def cost(self) -> Cost:
        if self.metric == "nats" or not math.isfinite(self.nats):
            return Cost(self.mean_nats, "nats per tag")
        if self.metric == "f1":
            return Cost(self.span_f1 or 0.0, "span F1", gain=True)
        return Cost(self.token_accuracy, "token accuracy", gain=True)

    @property
    def headline(self) -> float | None:
        """Span F1, or the accuracy of tags that mark no spans."""
        return self.token_accuracy if self.span_f1 is None else self.span_f1

    @property
    def mean_nats(self) -> float | None:
        return self.nats / self.known if self.known else None

    @property
    def brief(self) -> str:
        f1 = "" if self.span_f1 is None else f"span F1 {figure(self.span_f1)}  "
        return f"{f1}accuracy {figure(self.token_accuracy)}  {figure(self.mean_nats)} nats"

    @property
    def sentence(self) -> str:
        f1 = "" if self.span_f1 is None else f"span F1 {figure(self.span_f1)}, "
        naive = f"the most frequent tag of each word has {figure(self.naive)}"
        on = f"{f1}token accuracy {figure(self.token_accuracy)} on {plural(self.examples, 'sentence')}; {naive}"
        return f"{on}; {figure(self.mean_nats)} nats per tag"

    def summary(self) -> dict[str, float | None]:
        f1 = {} if self.span_f1 is None else {"span_f1": self.span_f1}
        accuracy = {"token_accuracy": self.token_accuracy, "nats_per_tag": self.mean_nats}
        return {**f1, **accuracy, "examples": self.examples}

    def curves(self) -> dict[str, float | None]:
        return {"loss": self.mean_nats, "token accuracy": self.token_accuracy} | (
            {} if self.span_f1 is None else {"span F1": self.span_f1}
        )


def evaluation_of(
    truth: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str]],
    naive: Sequence[Sequence[str]],
    scheme: Scheme,
    nats: float,
    known: int,
    metric: str | None,
) -> TagEvaluation:
    """Evaluate the tags of sentences, and the naive ones."""
    figures, naively = (TagMeasures(truth, answers, scheme).figures() for answers in (predicted, naive))
    headline = "token_accuracy" if scheme is Scheme.PLAIN else "span_f1"
    return TagEvaluation(
        examples=len(truth),
        token_accuracy=figures["token_accuracy"],
        span_f1=None if scheme is Scheme.PLAIN else figures["span_f1"] or 0.0,
        nats=nats,
        known=known,
        naive=naively[headline],
        metric=metric or default_metric(scheme),
    )


def default_metric(scheme: Scheme) -> str:
    """Return the metric that suits tags."""
    return "accuracy" if scheme is Scheme.PLAIN else "f1"
