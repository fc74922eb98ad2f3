"""Optimizers: the same update as torch's, agreement despite rounding, and what SOAP turns."""

import pytest
import torch

from charlm.config import ModelConfig
from charlm.nn.network import Network
from charlm.registry import find, names
from charlm.training.optimizers import Agree, Optimizer, Weight

V = 11
SHAPE = ModelConfig(hidden_size=16, layers=2, embedding_size=8, dropout=0.0, ngram="none")


def made(name: str, weights: list[Weight], decay: float = 0.0, agree: Agree = lambda mine: mine) -> Optimizer:
    return find(Optimizer, name)(weights, decay, agree)


def test_adamw_is_that_of_torch() -> None:
    ours, theirs = (torch.nn.Parameter(torch.full((3, 2), 1.0)) for _ in range(2))
    other = torch.optim.AdamW([theirs], lr=0.1, betas=(0.9, 0.99), weight_decay=0.5)
    optimizer = made("adamw", [Weight(ours)], 0.5)
    for _ in range(5):
        ours.grad = torch.randn(3, 2)
        theirs.grad = ours.grad.clone()
        optimizer.step(0.1)
        other.step()
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("name", names("training.optimizers"))
def test_two_optimizers_of_the_same_gradients_agree_despite_rounding(name: str) -> None:
    """Gradients of rank one, most of whose directions are nothing but rounding errors."""
    one, other = (torch.nn.Parameter(torch.zeros(12, 8)) for _ in range(2))
    first, second = (made(name, [Weight(each, multiplies=True)]) for each in (one, other))
    for _ in range(25):
        one.grad = torch.randn(12, 1) @ torch.randn(1, 8)
        other.grad = one.grad * (1 + 1e-7 * torch.randn(12, 8))
        first.step(0.01)
        second.step(0.01)
    torch.testing.assert_close(one, other, rtol=0, atol=1e-4)


def test_all_processes_take_the_basis_of_the_first() -> None:
    """Rounding turns the directions in which the gradients are zero, and another processor rounds in another way."""
    taken: list[torch.Tensor] = []
    one, other = (Weight(torch.nn.Parameter(torch.zeros(12, 8)), multiplies=True) for _ in range(2))
    first = made("soap", [one], agree=lambda mine: taken.append(mine.clone()) or mine)
    second = made("soap", [other], agree=lambda mine: taken.pop(0))
    for _ in range(25):
        one.values.grad = torch.randn(12, 1) @ torch.randn(1, 8)
        other.values.grad = one.values.grad * (1 + 1e-3 * torch.randn(12, 8))
        first.step(0.01)
        second.step(0.01)
        assert torch.equal(first.tensors()["basis"][0], second.tensors()["basis"][0])
    assert not taken and not torch.equal(first.tensors()["basis"][0], torch.eye(8))


def test_only_matrices_that_multiply_are_turned() -> None:
    network = Network(SHAPE, V)
    multiplying = {id(each) for each in network.multiplying()}
    assert {name for name, each in network.named_parameters() if id(each) in multiplying} == {
        "cells.0.weight_hh",
        "cells.1.weight_ih",
        "cells.1.weight_hh",
        "readout.weight",
    }


def test_a_wide_matrix_is_turned_in_groups_of_columns() -> None:
    """A gradient of some columns changes no column of the other groups."""
    weight = torch.nn.Parameter(torch.ones(3, 600))
    optimizer = made("soap", [Weight(weight, multiplies=True)])
    assert [each.shape for each in optimizer.tensors()["basis"]] == [(200, 200)] * 3
    for _ in range(5):
        weight.grad = torch.cat([torch.zeros(3, 200), torch.randn(3, 200), torch.zeros(3, 200)], 1)
        optimizer.step(0.1)
    before, turned, after = weight.data.split(200, 1)
    assert (turned != 1).all() and (before == 1).all() and (after == 1).all()


def test_correlated_inputs_are_learned_in_fewer_steps() -> None:
    """A linear map of inputs that lie near one direction: the others have small gradients, also after a rotation."""

    def loss_after(name: str, steps: int) -> float:
        torch.manual_seed(1)
        mixing = torch.diag(torch.tensor([10.0, 1.0, 1.0, 0.3])) @ torch.linalg.qr(torch.randn(4, 4)).Q
        target, weight = torch.randn(3, 4), torch.nn.Parameter(torch.zeros(3, 4))
        optimizer = made(name, [Weight(weight, multiplies=True)])
        loss = torch.zeros(())
        for step in range(steps):
            inputs = torch.randn(64, 4) @ mixing
            loss = (inputs @ (weight - target).T).square().mean()
            (weight.grad,) = torch.autograd.grad(loss, [weight])
            optimizer.step(0.1 * (1 - step / steps))
        return float(loss.detach())

    assert loss_after("soap", 100) < loss_after("adamw", 100)


def test_a_gradient_of_zero_changes_nothing() -> None:
    weight = torch.nn.Parameter(torch.ones(3, 2))
    optimizer = made("soap", [Weight(weight, multiplies=True)])
    for _ in range(3):
        weight.grad = torch.zeros(3, 2)
        optimizer.step(0.1)
    assert torch.equal(weight.data, torch.ones(3, 2))
