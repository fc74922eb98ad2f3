"""The contract of a density, which turns an output into the distribution of the numbers that it predicts.

The k numbers of a step are independent given the output. Letters: N any number of outputs, D their width.
"""

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from charlm.settings import check_range

_RAW_SCALE = math.log(math.e - 1)  # its softplus is 1
_LEAST_SCALE = 1e-5  # of numbers whose own scale is about 1
_LEAST_SHARE = 1e-6
_FARTHEST = 1e9  # scales; beyond it the log probability falls no further, so that no gradient overflows


class Density(nn.Module, ABC):
    """A density for k numbers, from outputs of width D. Each has a location, a linear readout of the output."""

    parameters_each: ClassVar[int]  # of the density of one number

    def __init__(self, width: int, numbers: int) -> None:
        super().__init__()
        self.numbers = numbers
        self.linear = nn.Linear(width, self.parameters_each * numbers)
        nn.init.zeros_(self.linear.bias)

    def raw(self, outputs: Tensor) -> tuple[Tensor, ...]:
        """Return the readouts that the parameters are computed from, the location first: (N, k) each."""
        raw: Tensor = self.linear(outputs)
        return raw.chunk(self.parameters_each, dim=-1)

    def mean(self, outputs: Tensor) -> Tensor:
        """Return the mean, which is the location: (N, D) → (N, k)."""
        return self.raw(outputs)[0]

    @abstractmethod
    def log_probability(self, outputs: Tensor, values: Tensor) -> Tensor:
        """Return the log density (nats) of `values` (N, k), summed over the k numbers: (N,)."""

    def quantile(self, outputs: Tensor, p: float) -> Tensor:
        """Return the numbers below which a share `p` of the probability is: (N, D) → (N, k).

        Raises ConfigError unless `p` is between one in a million and 1 minus one in a million.
        """
        check_range("p", p, _LEAST_SHARE, 1 - _LEAST_SHARE)
        return self._quantile(outputs, p)

    @abstractmethod
    def _quantile(self, outputs: Tensor, p: float) -> Tensor:
        """Compute `quantile`."""

    @abstractmethod
    def sample(self, outputs: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw numbers: (N, D) → (N, k)."""


def positive_scale(raw: Tensor) -> Tensor:
    """Return a scale from any number: 1 for 0, and never too small to divide by."""
    return functional.softplus(raw + _RAW_SCALE) + _LEAST_SCALE


def standardized(values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
    """Return the residuals in scales, bounded."""
    farthest = _FARTHEST * scale.detach()
    return (values - location).clamp(-farthest, farthest) / scale


def uniform(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Return random numbers in ]0, 1] in the shape of a tensor."""
    device = generator.device if generator else like.device
    return 1 - torch.rand(like.shape, generator=generator, device=device, dtype=like.dtype).to(like.device)
