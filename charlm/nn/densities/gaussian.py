"""Gaussian: the normal distribution, with a location and a scale for each number."""

import math

import torch
from torch import Tensor

from charlm.nn.densities import Density, positive_scale, standardized

_HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)


class Gaussian(Density):
    parameters_each = 2

    def distribution(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return location and scale, the mean and the standard deviation: (N, D) → (N, k) each."""
        location, scale = self.raw(outputs)
        return location, positive_scale(scale)

    def log_probability(self, outputs: Tensor, values: Tensor) -> Tensor:
        location, scale = self.distribution(outputs)
        z = standardized(values, location, scale)
        return (-0.5 * z.square() - scale.log() - _HALF_LOG_2_PI).sum(-1)

    def _quantile(self, outputs: Tensor, p: float) -> Tensor:
        location, scale = self.distribution(outputs)
        z: Tensor = torch.special.ndtri(torch.tensor(p, dtype=torch.float64))
        return location + scale * z.to(scale)

    def sample(self, outputs: Tensor, generator: torch.Generator | None = None) -> Tensor:
        location, scale = self.distribution(outputs)
        device = generator.device if generator else scale.device
        noise = torch.randn(scale.shape, generator=generator, device=device, dtype=scale.dtype)
        return location + scale * noise.to(scale.device)
