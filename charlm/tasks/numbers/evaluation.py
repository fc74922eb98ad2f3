"""How well a forecaster answers: free forecasts of the held-out values."""

import math
from dataclasses import dataclass

from charlm.cost import Cost
from charlm.tasks import Metrics
from charlm.wording import figure, plural

METRICS = ("mase", "smape", "rmse", "mae", "nats")
_NAMES = {"mase": "MASE", "smape": "sMAPE", "rmse": "RMSE", "mae": "MAE"}


@dataclass(frozen=True)
class SeriesEvaluation(Metrics):
    """Figures over the held-out values of all series.

    series: number of series. values: number of held-out values. nats: mean of minus the log density of each value,
    given those before it. naive, seasonal_naive: MASE of the last value and of the last season. metric: what the best
    network is chosen by, one of METRICS.
    """

    series: int
    values: int
    nats: float
    mase: float | None
    smape: float | None
    rmse: float | None
    mae: float | None
    naive: float | None
    seasonal_naive: float | None
    metric: str = METRICS[0]

    @property
    def objective(self) -> tuple[float, ...]:
        """The metric, and nats among networks that it finds equal. Figures that are not finite are never better."""
        first = getattr(self, self.metric)
        if first is None:  # a constant history has no MASE
            first = self.mae
        return (math.nan if first is None or not math.isfinite(self.nats) else first, self.nats)

    @property
    def cost(self) -> Cost:
        name = "MAE" if getattr(self, self.metric) is None else _NAMES.get(self.metric, "nats per value")
        return Cost(self.objective[0], name)

    @property
    def headline(self) -> float | None:
        """MASE."""
        return self.mase

    @property
    def brief(self) -> str:
        other = f"  {_NAMES[self.metric]} {figure(getattr(self, self.metric))}" if self.metric in _NAMES else ""
        return f"MASE {figure(self.mase)}{other if self.metric != 'mase' else ''}  {figure(self.nats)} nats"

    @property
    def sentence(self) -> str:
        return (
            f"MASE {figure(self.mase)} on {plural(self.values, 'value')} of {self.series:,} series, forecast from the"
            f" values before them; the last value alone has {figure(self.naive)}, and the last season"
            f" {figure(self.seasonal_naive)}; {figure(self.nats)} nats per value"
        )

    def summary(self) -> dict[str, float | None]:
        return {
            "mase": self.mase,
            "smape": self.smape,
            "rmse": self.rmse,
            "mae": self.mae,
            "nats_per_value": self.nats,
            "naive_mase": self.naive,
            "seasonal_naive_mase": self.seasonal_naive,
            "examples": self.series,
        }

    def curves(self) -> dict[str, float | None]:
        return {"loss": self.nats, "mase": self.mase}
