"""A trained forecaster."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from charlm.config import ModelConfig
from charlm.errors import ConfigError, CorpusError
from charlm.examples import Series
from charlm.examples.times import continued
from charlm.measures.forecasts import Forecast
from charlm.measures.forecasts import scale as naive_scale
from charlm.model import Contents, Model, Record
from charlm.settings import check_count, check_range
from charlm.task_settings import MOST_STEPS_AHEAD
from charlm.tasks.numbers.network import NumberNetwork
from charlm.tasks.numbers.past import FILE, Floats, Past, scaling, to_json, until
from charlm.wording import plural, quoted

PATHS = 200  # that intervals are computed from
LEVELS = (80.0,)
_SEED = 0


class Prediction(NamedTuple):
    """The forecast of a series: a value for each time, and lower and upper bounds (h,) by the level in percent."""

    name: str
    times: tuple[str, ...]
    forecast: Forecast


class Surprise(NamedTuple):
    """How unexpected the values of a series are, (n,) each: what the model expects, and −log2 of the density.

    NaN for a first value that has nothing before it. A density has the unit of the values, so a surprisal tells how
    unexpected a value is beside other values alone.
    """

    name: str
    times: tuple[str, ...]
    values: Floats
    expected: Floats
    surprisals: Floats


@dataclass(frozen=True, repr=False)
class Forecaster(Model):
    """A trained network that continues series of numbers, or gives a value for the numbers of each step.

    config: the shape of the network.
    pasts: the last values of each training series.
    window: the number of values that are read before a forecast.
    lags: how far back the values lie that are read for a value.
    network: a torch module.
    name: the name of its folder, or of its data if it was trained without a folder.
    record: how the model was trained.
    """

    config: ModelConfig
    pasts: tuple[Past, ...]
    window: int
    lags: tuple[int, ...]
    network: NumberNetwork
    name: str = ""
    record: Record | None = None
    tokenizer = None

    def __repr__(self) -> str:
        name = f" {repr(self.name)[1:-1]}" if self.name else ""
        parameters = plural(self.network.parameter_count(), "parameter")
        return f"<Forecaster{name}: {len(self.pasts):,} series, {self.config.brief_shape}, {parameters}>"

    @property
    def season(self) -> int:
        return self.config.season or 1

    @property
    def reads_inputs(self) -> bool:
        """Whether the values come from the inputs of each step, and not from earlier values."""
        return bool(self.pasts[0].inputs.shape[1])

    def contents(self) -> Contents:
        """Return what the folder of this model has of its task."""
        return series_contents(self.pasts, self.window, self.lags)

    def predict(
        self,
        series: Sequence[Series] | None = None,
        horizon: int | None = None,
        levels: Sequence[float] = LEVELS,
        seed: int = _SEED,
    ) -> list[Prediction]:
        """Continue each series, in order; without series, those of the training file from where it ended.

        horizon: the number of steps; None: as in training. levels: of the intervals, in percent. If the model reads
        inputs, it answers each step of `series` instead. A forecast does not depend on the other series.
        """
        check_count("horizon", horizon, 1, MOST_STEPS_AHEAD)
        for level in levels:
            check_range("level", level, 1, 99.9)
        if self.reads_inputs:
            if series is None or horizon is not None:
                raise ConfigError(f"{self.name or 'the model'} answers the inputs of each step; give them in a file")
            pasts = [self.past(each) for each in series]
            return [Prediction(past.name, past.times, self.answered(past, len(past.values), levels)) for past in pasts]
        pasts = list(self.pasts) if series is None else [self.past(each) for each in series]
        steps = horizon or self.config.horizon or 1
        return [
            Prediction(past.name, continued(past.times, steps), self.answered(past, steps, levels, seed))
            for past in pasts
        ]

    def score(self, series: Sequence[Series]) -> list[Surprise]:
        """Return how unexpected each value is, given those before it.

        A series that goes on where a training series ended comes after its values. Any other one begins anew.
        """
        return [self._surprise(each) for each in series]

    def _surprise(self, series: Series) -> Surprise:
        past, count = self.past(series), len(series.values)
        known = None if self.reads_inputs else self.known(series.name)
        if known and known.times and continued(known.times, 1)[0] == series.times[0]:
            values = np.concatenate((known.values, past.values))
            past = replace(past, values=values, inputs=np.zeros((len(values), 0)))
        first = 0 if self.reads_inputs or len(past.values) > count else 1  # the first value has nothing before it
        expected, nats = np.full((2, count), np.nan)
        if count > first:
            network = self.network.eval()
            expected[first:], nats[first:], _ = network.read_values(past, self.lags, self.season, count - first)
        return Surprise(series.name, series.times, series.values, expected, nats / math.log(2))

    def past(self, series: Series) -> Past:
        """Return a series as a past, scaled as the training series of the same name, or else by its own values."""
        if series.inputs.shape[1] != self.pasts[0].inputs.shape[1]:
            inputs = plural(self.pasts[0].inputs.shape[1], "input column")
            raise CorpusError(f"{series.where} has {series.inputs.shape[1]:,} input columns; the model reads {inputs}")
        known = self.known(series.name)
        location, scale = (
            (known.location, known.scale)
            if known
            else scaling(series.values, series.inputs, self.config.scale or "standard")
        )
        error = known.error if known else naive_scale(series.values, self.season)
        return Past(series.name, series.values, series.inputs, series.times, location, scale, error)

    def known(self, name: str) -> Past | None:
        """Return the training series of this name."""
        if len(self.pasts) == 1 and self.reads_inputs:
            return self.pasts[0]
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> dict[str, Past]:
        return {past.name: past for past in self.pasts}

    def answered(self, past: Past, count: int, levels: Sequence[float] = LEVELS, seed: int = _SEED) -> Forecast:
        """Return the next values after a past; if the model reads inputs, those of its last steps."""
        network, intervals = self.network.eval(), {}
        if self.reads_inputs:
            values, _, outputs = network.read_values(past, self.lags, self.season, count)
            for level in levels:
                shares = (0.5 - level / 200, 0.5 + level / 200)
                low, high = (network.quantile(outputs, share) for share in shares)
                intervals[float(level)] = (_raw(low, past), _raw(high, past))
            return Forecast(values, intervals)
        values = network.forecasts([past], self.lags, self.season, count, self.window)[0]
        if levels:
            paths = network.paths(past, self.lags, self.season, count, self.window, PATHS, seed)
            for level in levels:
                low, high = np.quantile(paths, (0.5 - level / 200, 0.5 + level / 200), axis=0)
                intervals[float(level)] = (np.minimum(low, values), np.maximum(high, values))
        return Forecast(values, intervals)

    def matched(self, series: Sequence[Series], with_history: bool) -> list[tuple[Past, Floats, Floats]]:
        """Return past, true values, and their inputs of each series to measure.

        A series continues the training series of its name, or of its place if no name is known. with_history: it is a
        whole series, of which the last values are forecast. Raises CorpusError.
        """
        horizon, rows = self.config.horizon or 1, []
        names = any(self.known(each.name) for each in series)
        for number, each in enumerate(series):
            past = self.past(each)
            if self.reads_inputs:
                rows.append((past, each.values, each.inputs))
            elif with_history:
                if len(each.values) < horizon + 2:
                    raise CorpusError(f"{each.where} has fewer than {horizon + 2:,} values; give a longer series")
                rows.append((until(past, horizon, self.season), each.values[-horizon:], each.inputs[-horizon:]))
            else:
                known = self.known(each.name) if names else dict(enumerate(self.pasts)).get(number)
                if known is None:
                    raise CorpusError(
                        f"{each.where} has the series {quoted(each.name)}, which the model does not know",
                        remedy="with_history",
                    )
                if known.times and known.times[-1] in each.times:
                    raise CorpusError(
                        f"{each.where} has the series {quoted(each.name)} at {quoted(known.times[-1])}, where training"
                        " ended",
                        remedy="after_training",
                    )
                rows.append((known, each.values, each.inputs))
        return rows

    def nats(self, past: Past, truth: Floats) -> Floats:
        """Return minus the log density of each true value after a past, given those before it: (h,)."""
        if self.reads_inputs:
            return self.network.eval().read_values(past, self.lags, self.season, len(truth))[1]
        first = max(0, len(past.values) - self.window - max(self.lags))
        values = np.concatenate((past.values[first:], truth))
        whole = Past(past.name, values, np.zeros((len(values), 0)), (), past.location, past.scale, past.error)
        return self.network.eval().read_values(whole, self.lags, self.season, len(truth))[1]


def _raw(scaled: Floats, past: Past) -> Floats:
    """Return scaled values in the unit of a series."""
    values: Floats = scaled * past.scale[0] + past.location[0]
    return values


def series_contents(pasts: Sequence[Past], window: int, lags: Sequence[int]) -> Contents:
    """Return what the folder of a forecaster has of its task."""
    inputs = pasts[0].inputs.shape[1]
    file = {"window": window, "inputs": inputs, "series": [to_json(past) for past in pasts]}
    return Contents({"series": len(pasts), "columns": inputs or len(lags), "lags": list(lags)}, {FILE: file})
