"""Initial weights and dropout come from a generator of the run, with the numbers that torch's own would give."""

from itertools import product

import pytest
import torch
from torch.nn import functional

from charlm.config import ModelConfig
from charlm.nn.network import Network
from charlm.nn.random_numbers import Seeded, dropout
from charlm.registry import names

SHAPE = {"embedding_size": 6, "hidden_size": 16, "layers": 2, "dropout": 0.0}
KINDS = list(product(names("nn.cells"), names("nn.embeddings"), names("nn.readouts")))


@pytest.mark.parametrize(("cell", "embedding", "readout"), KINDS)
def test_the_initial_weights_are_those_of_torchs_generator_which_is_left_alone(
    cell: str, embedding: str, readout: str
) -> None:
    config = ModelConfig(cell=cell, embedding=embedding, readout=readout, readout_layers=2, **SHAPE)  # type: ignore[arg-type]
    torch.manual_seed(3)
    expected = Network(config, 70).state_dict()
    before = torch.get_rng_state()
    with Seeded(3):
        weights = Network(config, 70).state_dict()
    assert all(torch.equal(weights[name], values) for name, values in expected.items())
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_is_that_of_torch_to_the_last_bit_and_so_is_its_gradient() -> None:
    x = torch.linspace(-2, 2, 960).reshape(8, 15, 8).requires_grad_()
    torch.manual_seed(4)
    expected = functional.dropout(x, 0.3)
    (gradient,) = torch.autograd.grad(expected.sin().sum(), x)
    before = torch.get_rng_state()
    values = dropout(x, 0.3, torch.Generator().manual_seed(4))
    assert torch.equal(values, expected)
    assert torch.equal(torch.autograd.grad(values.sin().sum(), x)[0], gradient)
    assert torch.equal(torch.get_rng_state(), before)
