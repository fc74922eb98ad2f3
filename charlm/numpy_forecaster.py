"""A forecaster of charlm in numpy alone; its model card has this class below the program of `numpy_loader.py`."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy import ndarray

from charlm.numpy_loader import Model, read_safetensors, softmax


class Forecaster(Model):
    """`series`: the last values of each training series, by its name, and what they are scaled by."""

    def __init__(self, folder: str | Path) -> None:
        config, values = (json.loads(Path(folder, f"{name}.json").read_bytes()) for name in ("config", "series"))
        self.config, self.tensors = config["model"], read_safetensors(Path(folder, "model.safetensors"))
        self.lags, self.window = config["lags"], values["window"]
        self.series = {each["name"]: each for each in values["series"]}

    def mean(self, x: ndarray) -> ndarray:
        """Return the location of the density of the next scaled number, (1,)."""
        return self.dense("density.linear", x)[:1]

    def returned(self, stack: str, layer: int, x: ndarray) -> ndarray:
        last = layer == self.config["layers"] - 1
        return self.mean(x) if last else softmax(self.dense(f"{stack}.{layer}.readout", x))

    def forecast(self, name: str, horizon: int) -> ndarray:
        """Continue a training series, (horizon,): each value from the means of those before it."""
        series, season = self.series[name], self.config["season"]
        location, scale = series["location"][0], series["scale"][0]
        values = list((np.array(series["values"]) - location) / scale)
        first, size = max(1, len(values) - self.window), len(values)
        values = [values[0]] * max(*self.lags, season) + values  # before the first value, nothing changes
        shift = len(values) - size
        inputs = [np.array([values[shift + t - lag] for lag in self.lags], np.float32) for t in range(first, size)]
        for t in range(size, size + horizon):
            inputs.append(np.array([values[shift + t - lag] for lag in self.lags], np.float32))
            change = self.mean(self.read(inputs)[-1])
            values.append(float(change[0]) + values[shift + t - season])
        ahead: ndarray = np.array(values[-horizon:]) * scale + location
        return ahead

    def answers(self, inputs: Sequence[Sequence[float]], name: str | None = None) -> ndarray:
        """Return the value of each step from its inputs (n, k), for a model that was trained on such a table."""
        series = self.series[name or next(iter(self.series))]
        location, scale = np.array(series["location"]), np.array(series["scale"])
        read = ((np.array(inputs) - location[1:]) / scale[1:]).astype(np.float32)
        values: ndarray = np.array([self.mean(x)[0] for x in self.read(read)]) * scale[0] + location[0]
        return values
