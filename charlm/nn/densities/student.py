"""Student: Student's t distribution, with a location, a scale, and degrees of freedom ν for each number.

Its tails are heavier than those of a Gaussian, so a number far off moves the weights less. ν is more than 2, so that
the variance exists. The functions of ν are computed in float64, since they subtract large numbers from each other.
"""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from charlm.nn.densities import Density, positive_scale, standardized, uniform

_LEAST_FREEDOM = 2.001
_RAW_FREEDOM = 3.0  # added to the readout: ν is about 5 at the start
_MANY = 32  # half of the degrees of freedom from which the series has all digits
_NODES = 40  # of the quadrature
_MAX_THETA = math.pi / 2 - 1e-12
_MAX_ROUNDS = 50  # of Newton's method, which needs 25 at most


class Student(Density):
    parameters_each = 3

    def distribution(self, outputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return location, scale and degrees of freedom: (N, D) → (N, k) each."""
        location, scale, freedom = self.raw(outputs)
        return location, positive_scale(scale), functional.softplus(freedom + _RAW_FREEDOM) + _LEAST_FREEDOM

    def log_probability(self, outputs: Tensor, values: Tensor) -> Tensor:
        location, scale, freedom = self.distribution(outputs)
        z, freedom = _precise(standardized(values, location, scale)), _precise(freedom)
        tails = (freedom + 1) / 2 * torch.log1p(z.square() / freedom)
        return (_log_height(freedom) - tails).to(scale.dtype).sub(scale.log()).sum(-1)

    def _quantile(self, outputs: Tensor, p: float) -> Tensor:
        location, scale, freedom = self.distribution(outputs)
        return location + scale * standard_quantile(freedom.cpu(), p).to(scale)

    def sample(self, outputs: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw numbers by the polar method (Bailey 1994), which takes two random numbers for each."""
        location, scale, freedom = self.distribution(outputs)
        radius = (freedom * torch.expm1(-2 / freedom * uniform(freedom, generator).log())).sqrt()
        return location + scale * radius * torch.cos(2 * math.pi * uniform(freedom, generator))


def standard_quantile(freedom: Tensor, p: float) -> Tensor:
    """Return the quantile of the standard t distribution for each number of degrees of freedom, in float64.

    With t = √ν tan θ, the probability between 0 and t is the integral of a smooth function, cos^(ν−1) θ, so that few
    nodes of Gauss and Legendre give all digits. It is concave, and the quantile of the Gaussian lies below: from there,
    each round of Newton's method comes nearer from the same side.
    """
    freedom = freedom.double()
    nodes, weights = map(torch.from_numpy, np.polynomial.legendre.leggauss(_NODES))
    nodes, weights = (nodes + 1) / 2, weights / 2  # on [0, 1]
    share = abs(p - 0.5)
    height = (_log_height(freedom) + 0.5 * freedom.log()).exp()  # of the density of θ
    theta = torch.atan(torch.special.ndtri(torch.tensor(0.5 + share, dtype=torch.float64)) / freedom.sqrt())
    for _ in range(_MAX_ROUNDS):
        missing = share - height * theta * (_power_of_cosine(theta[..., None] * nodes, freedom[..., None]) @ weights)
        step = missing / (height * _power_of_cosine(theta, freedom))
        theta = (theta + step).clamp(max=_MAX_THETA)
        if (step.abs() <= 1e-14 * theta.abs()).all():
            break
    return math.copysign(1, p - 0.5) * freedom.sqrt() * torch.tan(theta)


def _power_of_cosine(theta: Tensor, freedom: Tensor) -> Tensor:
    """Return cos^(ν−1) θ, without the rounding of a cosine near 1."""
    return torch.exp((freedom - 1) / 2 * torch.log1p(-torch.sin(theta).square()))


def _log_height(freedom: Tensor) -> Tensor:
    """Return the log density of the standard t distribution at 0.

    For many degrees of freedom, a series replaces the difference of two large logarithms of the gamma function.
    """
    x = freedom / 2
    series = -0.5 * math.log(2 * math.pi) - 1 / (8 * x) + 1 / (192 * x**3) - 1 / (640 * x**5)
    exact = torch.lgamma(x + 0.5) - torch.lgamma(x) - 0.5 * torch.log(math.pi * freedom)
    return torch.where(x > _MANY, series, exact)


def _precise(x: Tensor) -> Tensor:
    """Return a tensor in float64, if its device has that."""
    return x if x.device.type == "mps" else x.double()
