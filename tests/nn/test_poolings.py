"""Check the poolings on worked examples, and what holds for each of them."""

import pytest
import torch
from torch import Tensor

from charlm.nn.poolings import Pooling
from charlm.registry import find, names

# Two rows of three steps; a step has one number of the forward stack and one of the backward stack. The second row has
# two steps, then padding.
OUTPUTS = torch.tensor([[[1.0, 8.0], [-1.0, 5.0]], [[2.0, -6.0], [-3.0, 9.0]], [[6.0, 1.0], [70.0, 80.0]]])
LENGTHS = torch.tensor([3, 2])
EXPECTED = {
    "last": [[6, 8], [-3, 5]],
    "mean": [[3, 1], [-2, 7]],
    "max": [[6, 8], [-1, 9]],
    "concat": [[6, 8, 3, 1, 6, 8], [-3, 5, -2, 7, -1, 9]],
    "attention": [[3, 1], [-2, 7]],  # at first, all steps have the same weight
}


def made(name: str, width: int = 2, hidden_size: int = 1) -> Pooling:
    return find(Pooling, name)(width, hidden_size)


@pytest.fixture(params=names("nn.poolings"))
def pooling(request: pytest.FixtureRequest) -> Pooling:
    torch.manual_seed(0)
    pooling = made(request.param, 6, 3)
    for parameter in pooling.parameters():
        torch.nn.init.normal_(parameter)
    return pooling


def test_each_pooling_has_an_example() -> None:
    assert sorted(EXPECTED) == list(names("nn.poolings"))


@pytest.mark.parametrize("name", EXPECTED)
def test_the_worked_example(name: str) -> None:
    pooling = made(name)
    vectors = pooling(OUTPUTS, LENGTHS)
    torch.testing.assert_close(vectors, torch.tensor(EXPECTED[name], dtype=vectors.dtype))
    assert pooling.width == vectors.shape[1]


def test_the_last_output_of_one_direction() -> None:
    assert made("last", 2, 2)(OUTPUTS, LENGTHS).tolist() == [[6, 1], [-3, 9]]


def test_attention_weighs_the_steps_by_the_softmax_of_their_products_with_the_query() -> None:
    """With the query (ln 2, 0), a step counts 2 to the power of its first number."""
    pooling = made("attention")
    pooling.query.data = torch.tensor([2.0, 0.0]).log().clamp(min=0)
    weights = pooling.weights(OUTPUTS, LENGTHS)
    torch.testing.assert_close(weights[0], torch.tensor([2.0, 4.0, 64.0]) / 70)
    torch.testing.assert_close(weights[1], torch.tensor([0.5, 0.125, 0.0]) / 0.625)
    torch.testing.assert_close(pooling(OUTPUTS, LENGTHS)[1], torch.tensor([-1.4, 5.8]))


def some_outputs() -> tuple[Tensor, Tensor]:
    return torch.randn(7, 4, 6), torch.tensor([7, 1, 4, 5])


def test_padding_and_the_other_rows_change_nothing(pooling: Pooling) -> None:
    outputs, lengths = some_outputs()
    together = pooling(outputs, lengths)
    outputs[torch.arange(7)[:, None] >= lengths] = 1e9
    torch.testing.assert_close(pooling(outputs, lengths), together)
    for row, length in enumerate(lengths.tolist()):
        alone = pooling(outputs[:length, row : row + 1], lengths[row : row + 1])
        torch.testing.assert_close(alone[0], together[row])


def test_gradients_reach_the_steps_and_never_the_padding(pooling: Pooling) -> None:
    outputs, lengths = some_outputs()
    outputs.requires_grad_()
    pooling(outputs, lengths).square().sum().backward()
    padding = torch.arange(7)[:, None] >= lengths
    gradient = outputs.grad
    assert gradient is not None and gradient.isfinite().all()
    assert (gradient[padding] == 0).all()
    assert (gradient != 0).any(dim=0).all()
    for parameter in pooling.parameters():
        assert parameter.grad is not None and (parameter.grad != 0).all()
