"""The network of a forecaster: numbers → encoder → the density of the next number."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from charlm.config import ModelConfig
from charlm.errors import ConfigError
from charlm.nn.cells import LayerContext
from charlm.nn.densities import Density
from charlm.nn.encoder import NetworkState
from charlm.nn.native.threads import computing
from charlm.nn.numeric_input import NumericInput
from charlm.nn.trainable import Read, Trainable
from charlm.registry import find
from charlm.tasks.numbers.batches import scaled_inputs
from charlm.tasks.numbers.past import Floats, Past, base, features

DENSITY = "student"
_ROWS_AT_ONCE = 512
# Settings of networks that read text, each with its default.
TEXT_SETTINGS = (
    *("tokenizer", "vocab_size", "min_count", "closed", "model_type", "vocabulary"),
    *("embedding", "readout", "readout_layers", "tie_weights"),
)


class NumberNetwork(Trainable):
    """A recurrent network that gives each step the density of its value.

    columns: k, the numbers that are read at each step.
    """

    @computing()
    def __init__(self, config: ModelConfig, columns: int) -> None:
        check_reads_numbers(config)
        width = config.hidden_size
        assert width
        density = find(Density, config.density or DENSITY)(width, 1)
        top = LayerContext(vocabulary=1, logits=density.mean, numbers=True)
        super().__init__(config, NumericInput(columns), top)
        self.density = density

    @property
    def choices(self) -> int:
        """The parameters of a density."""
        return self.density.parameters_each

    def read(self, batch: Any, state: NetworkState | None, generator: torch.Generator | None = None) -> Read:
        """Read a batch of windows."""
        outputs, _ = self.outputs(batch.inputs, generator=generator)
        return Read(outputs[batch.warm :].flatten(0, 1), batch.targets[batch.warm :].flatten(0, 1), None)

    @computing()
    def target_log_probability(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the log density of each value in its own unit: (N, H) and (N, 2) → (N,)."""
        return self.density.log_probability(outputs, targets[:, :1]) - targets[:, 1]

    @torch.inference_mode()
    def forecasts(self, pasts: Sequence[Past], lags: Sequence[int], season: int, horizon: int, window: int) -> Floats:
        """Return the next values of each series, each from the mean of those before it: (n, h)."""
        parts = [pasts[first : first + _ROWS_AT_ONCE] for first in range(0, len(pasts), _ROWS_AT_ONCE)]
        return np.concatenate([self._ahead(part, lags, season, horizon, window) for part in parts])

    @torch.inference_mode()
    def paths(
        self, past: Past, lags: Sequence[int], season: int, horizon: int, window: int, count: int, seed: int
    ) -> Floats:
        """Draw the next values of a series, `count` times: (count, h)."""
        generator = torch.Generator().manual_seed(seed)
        return self._ahead([past], lags, season, horizon, window, count, generator)

    @computing()
    def _ahead(
        self,
        pasts: Sequence[Past],
        lags: Sequence[int],
        season: int,
        horizon: int,
        window: int,
        count: int = 1,
        generator: torch.Generator | None = None,
    ) -> Floats:
        known = [past.scaled() for past in pasts]
        windows = [_steps(len(values), window) for values in known]
        longest = max(map(len, windows))
        inputs = np.zeros((longest, len(pasts), len(lags)), dtype=np.float32)
        starts = np.zeros((longest, len(pasts)), dtype=bool)  # a shorter past is padded at its start
        for row, (past, steps) in enumerate(zip(known, windows, strict=True)):
            if len(steps):
                inputs[-len(steps) :, row] = features(past, np.zeros((len(past), 0)), lags, steps)
                starts[longest - len(steps), row] = True
        state = None
        if longest:
            resets = torch.from_numpy(starts).to(self.device)
            _, state = self.outputs(torch.from_numpy(inputs).to(self.device), resets=resets)
            state = tuple(tuple(each.repeat_interleave(count, 0) for each in layer) for layer in state)
        size = max(*lags, season)
        recent = np.stack([np.pad(values[-size:], (max(0, size - len(values)), 0), mode="edge") for values in known])
        ahead = np.concatenate((recent.repeat(count, 0), np.zeros((len(pasts) * count, horizon))), axis=1)
        for step in range(size, size + horizon):
            read = np.stack([ahead[:, step - lag] for lag in lags], axis=-1).astype(np.float32)
            outputs, state = self.outputs(torch.from_numpy(read[None]).to(self.device), state)
            change = self.density.sample(outputs[0], generator) if generator else self.density.mean(outputs[0])
            ahead[:, step] = change[:, 0].double().cpu().numpy() + ahead[:, step - season]
        location, scale = (
            np.array([[getattr(past, name)[0]] for past in pasts]).repeat(count, 0) for name in ("location", "scale")
        )
        values: Floats = ahead[:, size:] * scale + location
        return values

    @torch.inference_mode()
    @computing()
    def read_values(self, past: Past, lags: Sequence[int], season: int, count: int) -> tuple[Floats, Floats, Tensor]:
        """Read the last `count` values one after another, each with the true ones before it.

        Returns the mean of each, nats of each, and the outputs, (count, H).
        """
        values, inputs = past.scaled(), scaled_inputs(past)
        first = 0 if inputs.shape[1] else 1
        steps = np.arange(first, len(values))
        under = base(values, inputs, season, steps)
        read = torch.from_numpy(features(values, inputs, lags, steps)).to(self.device)
        outputs = self.outputs(read[:, None])[0][-count:, 0]
        targets = torch.from_numpy((values[steps] - under)[-count:, None].astype(np.float32)).to(self.device)
        nats = np.log(past.scale[0]) - self.density.log_probability(outputs, targets).double().cpu().numpy()
        mean = self.density.mean(outputs)[:, 0].double().cpu().numpy() + under[-count:]
        return mean * past.scale[0] + past.location[0], nats, outputs

    @torch.inference_mode()
    def quantile(self, outputs: Tensor, share: float) -> Floats:
        """Return the scaled numbers below which a share of the probability is: (N, H) → (N,)."""
        numbers: Floats = self.density.quantile(outputs, share)[:, 0].double().cpu().numpy()
        return numbers


def _steps(length: int, window: int) -> np.ndarray:
    """Return the steps of the last values that a network reads before it forecasts."""
    return np.arange(max(1, length - window), length)


def check_reads_numbers(config: ModelConfig) -> None:
    """Raise ConfigError for a setting of networks that read text."""
    default = ModelConfig()
    for name in TEXT_SETTINGS:
        if getattr(config, name) != getattr(default, name):
            raise ConfigError(f"a forecaster reads numbers, so it has no {name}", remedy="leave_out", settings=[name])
