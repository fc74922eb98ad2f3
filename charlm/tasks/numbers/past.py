"""The past of a series: its scale, its season, its last values, and what a network reads of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charlm.measures.forecasts import scale as naive_scale
from charlm.model import BadFileError

Floats = NDArray[np.float64]

FILE = "series.json"
MOST_SERIES, _LONGEST_NAME = 2**20, 1000
_SEASONS_BACK = (1, 2, 7)  # seasons between a value and the earlier values that are read for it
_LEAST_CORRELATION = 0.3  # at a season, of the differences of values
_MOST_SEASON = 400
_SAMPLE = 100  # series in which a season is looked for


@dataclass(frozen=True, eq=False)
class Past:
    """The last values of a series and what they are scaled by.

    values: (n,). inputs: (n, k), raw. times: the last ones. location, scale: of the value and then of each input,
    (1 + k,), from the training part alone. error: of the seasonal naive forecast within the whole file; None if it is
    0.
    """

    name: str
    values: Floats
    inputs: Floats
    times: tuple[str, ...]
    location: Floats
    scale: Floats
    error: float | None

    def scaled(self) -> Floats:
        values: Floats = (self.values - self.location[0]) / self.scale[0]
        return values


def scaling(values: Floats, inputs: Floats, kind: str) -> tuple[Floats, Floats]:
    """Return location and scale of values (n,) and of each column of inputs (n, k): (1 + k,) each."""
    columns = np.column_stack((values, inputs))
    location = columns.mean(0) if kind == "standard" else np.zeros(columns.shape[1])
    scale = {"standard": columns.std(0), "mean": np.abs(columns).mean(0)}.get(kind, np.ones(columns.shape[1]))
    return location, np.where(scale > 1e-12 * np.maximum(1, np.abs(location)), scale, 1.0)


def find_season(series: Sequence[Floats]) -> int:
    """Return the number of steps at which the differences of values are most alike; 1 if they are not alike at any."""
    total, count = np.zeros(_MOST_SEASON + 1), np.zeros(_MOST_SEASON + 1)
    for values in series[:: max(1, len(series) // _SAMPLE)]:
        changes = np.diff(values)
        changes = changes - changes.mean() if len(changes) else changes
        power = float((changes**2).sum())
        if power == 0 or len(changes) < 6:
            continue
        size = 2 * len(changes)
        correlation = np.fft.irfft(np.abs(np.fft.rfft(changes, size)) ** 2, size)[: len(changes) // 3 + 1] / power
        most = min(len(correlation), _MOST_SEASON + 1)
        total[:most] += correlation[:most] * len(changes) / (len(changes) - np.arange(most))
        count[:most] += 1
    mean = np.divide(total, count, out=np.zeros_like(total), where=count > 0)
    peaks = [lag for lag in range(2, _MOST_SEASON) if mean[lag] > max(mean[lag - 1], mean[lag + 1])]
    if not peaks or max(mean[peaks]) < _LEAST_CORRELATION:
        return 1
    return next(lag for lag in peaks if mean[lag] >= 0.8 * max(mean[peaks]))


def lags_of(season: int, shortest: int) -> tuple[int, ...]:
    """Return how far back the values lie that are read for a value; `shortest`: the length of the shortest series."""
    return (1, *(each * season for each in _SEASONS_BACK if season > 1 and 3 * each * season <= shortest))


def lagged(values: Floats, steps: NDArray[np.int64], lag: int) -> Floats:
    """Return the scaled values that lie `lag` before each step; before the first value, the first one."""
    return values[np.maximum(steps - lag, 0)]


def features(values: Floats, inputs: Floats, lags: Sequence[int], steps: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return what is read to predict the scaled value of each step: earlier values, or the inputs, (T, k)."""
    if inputs.shape[1]:
        return inputs[steps].astype(np.float32)
    return np.stack([lagged(values, steps, lag) for lag in lags], axis=-1).astype(np.float32)


def base(values: Floats, inputs: Floats, season: int, steps: NDArray[np.int64]) -> Floats:
    """Return what is added to each prediction: the value a season earlier, or 0 if there are inputs."""
    return np.zeros(len(steps)) if inputs.shape[1] else lagged(values, steps, season)


def past_of(name: str, values: Floats, inputs: Floats, times: Sequence[str], held: int, kind: str, season: int) -> Past:
    """Return a whole series as a past; the last `held` values do not decide its scale."""
    end = len(values) - held
    location, scale = scaling(values[:end], inputs[:end], kind)
    return Past(name, values, inputs, tuple(times), location, scale, naive_scale(values, season))


def until(past: Past, held: int, season: int) -> Past:
    """Return a past without its last values, which do not decide the scale of MASE either."""
    return replace(
        past,
        values=past.values[:-held],
        inputs=past.inputs[:-held],
        times=past.times[:-held],
        error=naive_scale(past.values[:-held], season),
    )


def tail(past: Past, length: int) -> Past:
    """Return the last values alone."""
    return Past(
        past.name,
        past.values[-length:],
        past.inputs[-length:],
        past.times[-3:],
        past.location,
        past.scale,
        past.error,
    )


def to_json(past: Past) -> dict[str, Any]:
    return {
        "name": past.name,
        "values": past.values.tolist(),
        "inputs": past.inputs.tolist(),
        "times": list(past.times),
        "location": past.location.tolist(),
        "scale": past.scale.tolist(),
        "error": past.error,
    }


def pasts_from(values: Any) -> tuple[int, int, tuple[Past, ...]]:
    """Return window, number of inputs, and series of a series.json. Raises BadFileError for anything else."""
    if not isinstance(values, dict) or set(values) != {"window", "inputs", "series"}:
        raise BadFileError(FILE, "does not describe series")
    window, inputs, series = values["window"], values["inputs"], values["series"]
    if type(window) is not int or not 1 <= window <= 2**24 or type(inputs) is not int or not 0 <= inputs <= 65_536:
        raise BadFileError(FILE, "has an impossible window or number of inputs")
    if not isinstance(series, list) or not 1 <= len(series) <= MOST_SERIES:
        raise BadFileError(FILE, "is not a list of series")
    return window, inputs, tuple(_past(each, inputs) for each in series)


def _past(each: Any, inputs: int) -> Past:
    keys = {"name", "values", "inputs", "times", "location", "scale", "error"}
    if not isinstance(each, dict) or set(each) != keys or not isinstance(each["name"], str):
        raise BadFileError(FILE, "has a series that is not described")
    if len(each["name"]) > _LONGEST_NAME:
        raise BadFileError(FILE, f"has a name of more than {_LONGEST_NAME:,} characters")
    values, location, scale = (_numbers(each[name], 1) for name in ("values", "location", "scale"))
    given = _numbers(each["inputs"], 2) if inputs else np.zeros((len(values), 0))
    if not len(values) or given.shape != (len(values), inputs) or not len(location) == len(scale) == 1 + inputs:
        raise BadFileError(FILE, "has a series whose numbers do not fit together")
    if (scale <= 0).any():
        raise BadFileError(FILE, "has a scale that is not above 0")
    times, error = each["times"], each["error"]
    if not isinstance(times, list) or not all(isinstance(one, str) and len(one) <= 100 for one in times):
        raise BadFileError(FILE, "has a series without times")
    if error is not None and (isinstance(error, bool) or not isinstance(error, int | float) or not 0 < error < np.inf):
        raise BadFileError(FILE, "has an error of the naive forecast that is not above 0")
    return Past(each["name"], values, given, tuple(times), location, scale, error)


def _numbers(values: Any, dimensions: int) -> Floats:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        array = np.array(np.nan)
    if array.ndim != dimensions or not np.isfinite(array).all():
        raise BadFileError(FILE, "has numbers that are not finite, or not in rows")
    return array
