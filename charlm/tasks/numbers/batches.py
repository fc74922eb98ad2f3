"""Windows of series as a pure function of (seed, step)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from charlm.randomness import uniform
from charlm.tasks.numbers.past import Past, base, features

_SERIES, _START = range(2)  # uses of random numbers; each use has a series of its own
_WARM = 4  # the first 1/4 of a window is read without a loss, since the state is not known there


class WindowBatch(NamedTuple):
    """Windows of series. A target is what is added to the base, and the log of the scale of its series."""

    inputs: Tensor  # (T, B, k)
    targets: Tensor  # (T, B, 2)
    warm: int

    @property
    def fresh(self) -> bool:
        """True: each window begins with a zero state."""
        return True

    @property
    def rows(self) -> int:
        """B."""
        return self.inputs.shape[1]

    @property
    def weight(self) -> int:
        """The number of targets."""
        return self.rows * (len(self.inputs) - self.warm)

    def part(self, rows: slice, device: torch.device) -> "WindowBatch":
        """Return some of the windows, on a device."""
        return WindowBatch(self.inputs[:, rows].to(device), self.targets[:, rows].to(device), self.warm)

    def cut(self, length: int) -> "WindowBatch":
        """Return the first steps of each window."""
        length = min(length, len(self.inputs))
        return WindowBatch(self.inputs[:length], self.targets[:length], min(self.warm, length - 1))


def scaled_inputs(past: Past) -> np.ndarray:
    """Return the inputs of a series, scaled: (n, k)."""
    scaled: np.ndarray = (past.inputs - past.location[1:]) / past.scale[1:]
    return scaled


class WindowBatches:
    """Batches of windows of all series: `batches[step]` for any step ≥ 0."""

    def __init__(
        self,
        pasts: Sequence[Past],
        lags: Sequence[int],
        season: int,
        batch_size: int,
        seq_len: int,
        seed: int,
        select_rows: Callable[[int], slice] = slice,
    ) -> None:
        self._pasts, self._lags, self._season, self._seed = pasts, lags, season, seed
        self._values = [past.scaled() for past in pasts]
        self._inputs = [scaled_inputs(past) for past in pasts]
        sizes = np.array([len(past.values) for past in pasts])
        self.size = int(sizes.sum())
        self.batch_size = batch_size
        self.seq_len = max(1, min(seq_len, int(sizes.min()) - 1))
        self._ends = np.cumsum(sizes)
        self.steps_per_epoch = max(1, self.size // (self.batch_size * self.seq_len))
        self._mine = select_rows(self.batch_size)

    @property
    def tokens_per_step(self) -> int:
        return self.batch_size * self.seq_len

    @property
    def targets_per_step(self) -> int:
        return self.batch_size * (self.seq_len - self.seq_len // _WARM)

    def __getitem__(self, step: int) -> WindowBatch:
        rows = np.arange(self.batch_size)[self._mine]
        chosen = np.searchsorted(self._ends, uniform(self._seed, _SERIES, step, rows) * self.size, side="right")
        shares = uniform(self._seed, _START, step, rows)
        windows = [self._window(int(number), float(share)) for number, share in zip(chosen, shares, strict=True)]
        inputs, targets = (torch.from_numpy(np.stack(each, axis=1)) for each in zip(*windows, strict=True))
        return WindowBatch(inputs, targets, self.seq_len // _WARM)

    def _window(self, number: int, share: float) -> tuple[np.ndarray, np.ndarray]:
        values, inputs = self._values[number], self._inputs[number]
        first = 0 if inputs.shape[1] else 1  # the first value has nothing before it
        start = first + int(share * (len(values) - self.seq_len - first + 1))
        steps = np.arange(start, start + self.seq_len)
        targets = values[steps] - base(values, inputs, self._season, steps)
        logs = np.full(len(steps), np.log(self._pasts[number].scale[0]))
        return features(values, inputs, self._lags, steps), np.stack((targets, logs), axis=1).astype(np.float32)
