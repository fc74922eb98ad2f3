"""How well a model of pairs answers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from charlm.cost import Cost
from charlm.tasks import Metrics
from charlm.wording import figure, plural

METRICS = ("exact_match", "symbol_error_rate", "nats")


@dataclass(frozen=True)
class PairEvaluation(Metrics):
    """Figures over the held-out pairs.

    examples: number of pairs. nats: minus the log-probability of the target tokens, `tokens` in number, that occur in a
    target of the training part. decoded: number of sources that were answered, each token the likeliest one. exact:
    those with an answer that is one of its targets. edits: of the symbols of their targets. cut: answers that did not
    end. metric: what the best network is chosen by, one of METRICS.
    """

    examples: int
    nats: float
    tokens: int
    decoded: int
    exact: int
    edits: int
    symbols: int
    cut: int
    metric: str

    @property
    def objective(self) -> tuple[float, ...]:
        """The metric, and nats among networks that it finds equal. Nats that are not finite are never better."""
        if not math.isfinite(self.nats):
            return (math.nan,)
        first = {"exact_match": -float(self.exact), "symbol_error_rate": float(self.edits), "nats": 0.0}[self.metric]
        return (first, self.nats)

    @property
    def cost(self) -> Cost:
        if self.metric == "nats" or not math.isfinite(self.nats):
            return Cost(self.mean_nats, "nats per token")
        if self.metric == "symbol_error_rate":
            return Cost(self.symbol_error_rate, "symbol error rate")
        return Cost(self.headline, "share of exact answers", gain=True)

    @property
    def headline(self) -> float | None:
        """The share of exact matches; nats per token where these decide."""
        if self.metric == "nats":
            return self.mean_nats
        return self.exact / self.decoded if self.decoded else None

    @property
    def symbol_error_rate(self) -> float | None:
        return self.edits / self.symbols if self.symbols else None

    @property
    def mean_nats(self) -> float | None:
        return self.nats / self.tokens if self.tokens else None

    @property
    def brief(self) -> str:
        nats = f"{figure(self.mean_nats)} nats"
        if not self.decoded:
            return nats
        exact = figure(self.exact / self.decoded)
        return f"exact match {exact}  symbol error rate {figure(self.symbol_error_rate)}  {nats}"

    @property
    def sentence(self) -> str:
        nats = f"{figure(self.mean_nats)} nats per token of {plural(self.examples, 'target')}"
        if not self.decoded:
            return nats
        exact = f"exact match {figure(self.exact / self.decoded)}, symbol error rate {figure(self.symbol_error_rate)}"
        cut = f", of which {self.cut:,} did not end" if self.cut else ""
        return f"{exact} on {plural(self.decoded, 'source')}{cut}; {nats}"

    def summary(self) -> dict[str, float | None]:
        values: dict[str, float | None] = {"nats_per_token": self.mean_nats, "examples": self.examples}
        if not self.decoded:
            return values
        return {"exact_match": self.exact / self.decoded, "symbol_error_rate": self.symbol_error_rate, **values}

    def curves(self) -> dict[str, float | None]:
        return {"loss": self.mean_nats} | ({"exact match": self.exact / self.decoded} if self.decoded else {})


def symbols(text: str, spaced: bool) -> Sequence[str]:
    """Return the symbols of a text: what has spaces between, or else the characters."""
    return text.split() if spaced else text
