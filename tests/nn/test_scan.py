"""Check that both scans of a linear recurrence compute the same numbers, whatever the decay."""

import pytest
import torch
from torch import Tensor

from charlm.nn import scan as module
from charlm.nn.scan import scan


@pytest.fixture(params=["steps", "doubling"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each of the two scans on a CPU."""
    monkeypatch.setattr(module, "use_sequential", lambda like: request.param == "steps")


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def one_by_one(stays: Tensor, added: Tensor, first: Tensor) -> Tensor:
    states = []
    for stay, add in zip(stays, added, strict=True):
        first = stay * first + add
        states.append(first)
    return torch.stack(states)


def some(T: int, precision: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """Decays between 0 and 1, some of them 0 and some 1."""
    stays = torch.rand(T, 3, 5, dtype=precision)
    stays[:, 0, 0], stays[:, 0, 1], stays[T // 2] = 0, 1, 0
    return stays, torch.randn(T, 3, 5, dtype=precision), torch.randn(3, 5, dtype=precision)


@pytest.mark.parametrize("T", [1, 2, 3, 7, 8, 9, 64, 100])
def test_states_are_those_of_single_steps(T: int) -> None:
    inputs = some(T)
    torch.testing.assert_close(scan(*inputs), one_by_one(*inputs))


@pytest.mark.parametrize("T", [1, 2, 9, 64])
def test_gradients_are_those_of_single_steps(T: int) -> None:
    inputs = [each.requires_grad_() for each in some(T)]
    weight = torch.randn(T, 3, 5, dtype=torch.float64)
    found, expected = (torch.autograd.grad((way(*inputs) * weight).sum(), inputs) for way in (scan, one_by_one))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("stay", [0.0, 1e-38, 1e-3, 0.5, 1.0])
def test_a_thousand_steps_neither_overflow_nor_lose_what_is_added(stay: float) -> None:
    """The state is 1 + decay + decay² + …; the product of all decays underflows in float32 long before the end."""
    stays, added = torch.full((1000, 1, 1), stay), torch.ones(1000, 1, 1)
    inputs = [each.requires_grad_() for each in (stays, added, torch.zeros(1, 1))]
    states = scan(*inputs)
    exact = 1000.0 if stay == 1 else 1 / (1 - stay)
    assert states[-1].item() == pytest.approx(exact, rel=1e-5)
    assert all(each.isfinite().all() for each in torch.autograd.grad(states.sum(), inputs))


def test_what_is_passed_in_is_left_as_it_was() -> None:
    inputs = some(9)
    before = [each.clone() for each in inputs]
    scan(*inputs)
    for each, value in zip(inputs, before, strict=True):
        assert torch.equal(each, value)
