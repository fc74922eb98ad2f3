"""Check the densities of numbers against torch.distributions and scipy, and what holds for each of them."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, distributions

from charlm.errors import ConfigError
from charlm.nn.densities import Density
from charlm.nn.densities.student import standard_quantile
from charlm.registry import find, names

N, D, K = 50, 6, 2
CLOSE = {"rtol": 1e-5, "atol": 1e-5}
SHARES = (0.001, 0.025, 0.1, 0.5, 0.8, 0.9, 0.999)


def made(name: str, numbers: int = K) -> Density:
    torch.manual_seed(0)
    density = find(Density, name)(D, numbers)
    for parameter in density.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return density


@pytest.fixture(params=names("nn.densities"))
def density(request: pytest.FixtureRequest) -> Density:
    return made(request.param)


def some() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(N, D), 3 * torch.randn(N, K)


def theirs(density: Any, outputs: Tensor) -> distributions.Distribution:
    """Return the distribution of torch with the parameters of the density."""
    with torch.no_grad():
        location, scale, *freedom = density.distribution(outputs)
    return distributions.StudentT(*freedom, location, scale) if freedom else distributions.Normal(location, scale)


def test_the_parameters_have_their_bounds(density: Any) -> None:
    location, scale, *freedom = density.distribution(some()[0] * 20)
    assert location.shape == scale.shape == (N, K)
    assert (scale > 0).all() and all((each > 2).all() for each in freedom)
    _, scale, *freedom = density.distribution(torch.full((1, D), -1e6))
    assert (scale > 0).all() and all((each > 2).all() for each in freedom)


def test_the_log_probability_is_that_of_torch(density: Density) -> None:
    outputs, values = some()
    expected = theirs(density, outputs).log_prob(values).sum(1)
    torch.testing.assert_close(density.log_probability(outputs, values), expected, **CLOSE)


def test_the_gradient_is_that_of_torch(density: Any) -> None:
    outputs, values = some()
    location, scale, *freedom = density.distribution(outputs)
    other = distributions.StudentT(*freedom, location, scale) if freedom else distributions.Normal(location, scale)
    parameters = list(density.parameters())
    expected = torch.autograd.grad(other.log_prob(values).sum(), parameters)
    torch.testing.assert_close(
        torch.autograd.grad(density.log_probability(outputs, values).sum(), parameters), expected, rtol=1e-4, atol=1e-3
    )


def test_the_mean_is_the_location(density: Density) -> None:
    outputs, _ = some()
    torch.testing.assert_close(density.mean(outputs), theirs(density, outputs).mean)


@pytest.mark.parametrize("p", SHARES)
def test_the_quantile_of_a_gaussian_is_that_of_torch(p: float) -> None:
    density, outputs = made("gaussian"), some()[0]
    torch.testing.assert_close(density.quantile(outputs, p), theirs(density, outputs).icdf(torch.tensor(p)), **CLOSE)


@pytest.mark.parametrize("p", SHARES)
def test_the_quantile_of_student_is_that_of_scipy(p: float) -> None:
    stats = pytest.importorskip("scipy.stats")
    density: Any = made("student")
    outputs, _ = some()
    location, scale, freedom = (each.detach().double().numpy() for each in density.distribution(outputs))
    expected = stats.t.ppf(p, freedom, location, scale)
    np.testing.assert_allclose(density.quantile(outputs, p).detach(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("freedom", "p", "expected"),
    [
        (3, 0.975, 3.182446),  # tables of the t distribution
        (5, 0.95, 2.015048),
        (10, 0.9, 1.372184),
        (30, 0.995, 2.749996),
        (1e6, 0.975, 1.959966),
        (4, 0.5, 0.0),
        (3, 0.025, -3.182446),
    ],
)
def test_quantiles_of_student_from_a_table(freedom: float, p: float, expected: float) -> None:
    assert standard_quantile(torch.tensor([freedom]), p).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("freedom", [2.001, 2.5, 7.3, 63.9, 64.1, 1e4])
def test_a_quantile_undoes_the_probability_below_it(freedom: float) -> None:
    """Integrate the density of torch up to the quantile."""
    t = standard_quantile(torch.tensor([freedom], dtype=torch.float64), 0.9).item()
    x = torch.linspace(0, t, 20_001, dtype=torch.float64)
    density = distributions.StudentT(torch.tensor(freedom, dtype=torch.float64)).log_prob(x).exp()
    assert torch.trapezoid(density, x).item() == pytest.approx(0.4, abs=1e-6)


def test_samples_fall_below_each_quantile_as_often_as_it_says(density: Density) -> None:
    outputs = some()[0][:1].expand(20_000, D)
    drawn = density.sample(outputs, torch.Generator().manual_seed(3))
    for p in SHARES:
        share = (drawn < density.quantile(outputs[:1], p)).float().mean(0)
        torch.testing.assert_close(share, torch.full((K,), p), rtol=0, atol=0.012)


def test_samples_come_from_the_generator(density: Density) -> None:
    outputs, _ = some()
    first, second, third = (density.sample(outputs, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, second) and not torch.equal(first, third)


@pytest.mark.parametrize("residual", [0.0, 1e-30, 1e-6, 1e6, 1e18, 1e30])
@pytest.mark.parametrize("raw_scale", [-200.0, 0.0, 200.0])
def test_tiny_and_huge_residuals_have_finite_gradients(density: Density, residual: float, raw_scale: float) -> None:
    for parameter in density.parameters():
        torch.nn.init.zeros_(parameter)
    density.linear.bias.data[K : 2 * K] = raw_scale
    value = density.log_probability(torch.zeros(1, D), torch.full((1, K), residual))
    value.backward()
    assert value.isfinite().all()
    assert all(each.grad is not None and each.grad.isfinite().all() for each in density.parameters())


def test_a_new_density_has_the_scale_of_the_numbers(density: Any) -> None:
    """Numbers are scaled to about 1, and so is the first guess."""
    _, scale, *freedom = type(density)(D, K).distribution(torch.zeros(1, D))
    torch.testing.assert_close(scale, torch.ones(1, K), **CLOSE | {"atol": 1e-4})
    for each in freedom:
        torch.testing.assert_close(each, torch.full((1, K), 2.001 + math.log1p(math.exp(3))))


@pytest.mark.parametrize("p", [0, 1, 1.5, -0.1])
def test_a_share_that_is_not_between_zero_and_one_is_refused(density: Density, p: float) -> None:
    with pytest.raises(ConfigError, match="p is"):
        density.quantile(some()[0], p)
