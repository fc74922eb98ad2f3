"""Measure forecasts of series by the formulas of the M4 competition (Makridakis, Spiliotis & Assimakopoulos 2020).

sMAPE, MASE, MSIS, and coverage are computed for each series and averaged over series. MAE and RMSE are over all values
of all series, in the units of the data. MASE and MSIS divide by the scale of a series: the mean absolute error of the
seasonal naive forecast within its history. A history that is constant has no scale, and its series is left out of both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from charlm.measures import Figures, Floats, Measures, check_same_length


def smape(truth: Floats, forecast: Floats) -> float:
    """Return the symmetric mean absolute percentage error, from 0 to 200. A zero forecast as zero is right."""
    sizes = np.abs(truth) + np.abs(forecast)
    errors = np.abs(truth - forecast)
    return float(200 * np.divide(errors, sizes, out=np.zeros_like(sizes), where=sizes > 0).mean())


def scale(history: Floats, season: int = 1) -> float | None:
    """Return the mean absolute difference of values that are a season apart; None if it is zero or does not exist.

    A history that is not longer than a season is measured from value to value.
    """
    lag = season if len(history) > season else 1
    differences = np.abs(history[lag:] - history[:-lag])
    return float(differences.mean()) if len(differences) and differences.any() else None


def mase(truth: Floats, forecast: Floats, history: Floats, season: int = 1) -> float | None:
    """Return the mean absolute scaled error (Hyndman & Koehler 2006); None without a scale."""
    size = scale(history, season)
    return None if size is None else float(np.abs(truth - forecast).mean()) / size


def coverage(truth: Floats, low: Floats, high: Floats) -> float:
    """Return the share of values that are in their interval, bounds included."""
    return float(((low <= truth) & (truth <= high)).mean())


def interval_score(truth: Floats, low: Floats, high: Floats, level: float) -> float:
    """Return the mean width of intervals, and a penalty for each value outside (Gneiting & Raftery 2007).

    `level` is the probability that the intervals claim, such as 0.95. MSIS is this score divided by the scale.
    """
    below, above = np.maximum(low - truth, 0), np.maximum(truth - high, 0)
    return float((high - low + 2 / (1 - level) * (below + above)).mean())


def pinball(truth: Floats, quantile: Floats, probability: float) -> float:
    """Return the mean pinball loss of a forecast of a quantile (Koenker & Bassett 1978)."""
    errors = truth - quantile
    return float(np.maximum(probability * errors, (probability - 1) * errors).mean())


@dataclass(frozen=True)
class Forecast:
    """Values (h,) that are forecast for a series, and intervals: by level in percent, lower and upper bounds (h,)."""

    values: Floats
    intervals: Mapping[float, tuple[Floats, Floats]] = field(default_factory=dict)


class SeriesMeasures(Measures):
    """Forecasts of a number of series; an example is a series.

    `histories` are the values before the forecast: the scale comes from them alone, unless `scales` has those of longer
    histories. `season` is the number of steps in a season. All forecasts have intervals of the same levels. `coverage`
    and `msis` are those of the first level, and `levels` has those of each.
    """

    def __init__(
        self,
        truth: Sequence[Floats],
        forecasts: Sequence[Forecast],
        histories: Sequence[Floats],
        season: int = 1,
        *,
        scales: Sequence[float | None] | None = None,
    ) -> None:
        check_same_length(forecasts, truth)
        check_same_length(histories, truth)
        self.examples, self.season = len(truth), season
        self.levels = tuple(forecasts[0].intervals) if forecasts else ()
        if scales is None:
            scales = [scale(history, season) for history in histories]
        self.without_scale = list(scales).count(None)
        self._columns: dict[str, Floats] = {}  # (n,) of each figure, NaN where a series does not have it
        rows: list[dict[str, float]] = []
        for true, forecast, size in zip(truth, forecasts, scales, strict=True):
            check_same_length(forecast.values, true)
            if not len(true):
                raise ValueError("a series has no value to compare its forecast with; give one or more")
            rows.append(_figures_of_one(true, forecast, np.nan if size is None else size))
        for name in rows[0] if rows else ():
            self._columns[name] = np.array([row[name] for row in rows])

    def _mean(self, name: str, weights: Floats | None, sizes: str | None = None) -> float | None:
        """Return the mean of a figure over the series that have it; `sizes` names what each series counts."""
        column = self._columns.get(name, np.zeros(0))
        weights = np.ones(len(column)) if weights is None else weights
        if sizes is not None:
            weights = weights * self._columns.get(sizes, np.zeros(0))
        has = np.isfinite(column) & (weights > 0)
        return float(np.average(column[has], weights=weights[has])) if has.any() else None

    def figures(self, weights: Floats | None = None) -> Figures:
        square = self._mean("square", weights, "steps")
        figures: Figures = {
            "mae": self._mean("absolute", weights, "steps"),
            "rmse": None if square is None else square**0.5,
            "smape": self._mean("smape", weights),
            "mase": self._mean("mase", weights),
        }
        if self.levels:
            figures["coverage"] = self._mean(f"coverage {self.levels[0]}", weights)
            figures["msis"] = self._mean(f"msis {self.levels[0]}", weights)
        return figures

    def by_level(self) -> dict[str, Figures]:
        """Return coverage, MSIS, and the mean pinball loss of both bounds, for each level in percent."""
        names = ("coverage", "msis", "pinball")
        return {f"{level:g}": {name: self._mean(f"{name} {level}", None) for name in names} for level in self.levels}

    def details(self) -> dict[str, Any]:
        return {"season": self.season, "levels": self.by_level()}


def _figures_of_one(truth: Floats, forecast: Forecast, size: float) -> dict[str, float]:
    """Return the figures of one series; `size` is its scale, or NaN."""
    errors = truth - forecast.values
    figures = {
        "steps": float(len(truth)),
        "absolute": float(np.abs(errors).mean()),
        "square": float((errors**2).mean()),
        "smape": smape(truth, forecast.values),
        "mase": float(np.abs(errors).mean()) / size,
    }
    for level, (low, high) in forecast.intervals.items():
        tail = (1 - level / 100) / 2
        figures[f"coverage {level}"] = coverage(truth, low, high)
        figures[f"msis {level}"] = interval_score(truth, low, high, level / 100) / size
        figures[f"pinball {level}"] = (pinball(truth, low, tail) + pinball(truth, high, 1 - tail)) / 2
    return figures
