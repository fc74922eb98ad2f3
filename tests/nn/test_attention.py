"""Check attention over a source: on a worked example, and that padding has no weight."""

import math

import pytest
import torch
from torch import Tensor

from charlm.nn.attention import Attention

T, S, B, QUERY, KEY = 5, 7, 3, 4, 6
LENGTHS = torch.tensor([7, 1, 4])
MASK = torch.arange(S)[:, None] < LENGTHS


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def some_tensors() -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys, and how far through the answer each query is."""
    return torch.randn(T, B, QUERY), torch.randn(S, B, KEY), (torch.arange(T) / T)[:, None].expand(T, B)


def test_a_worked_example() -> None:
    """The scores ln 1 and ln 3 give the weights 1/4 and 3/4; the third step is padding."""
    attention = Attention(1, 1)
    attention.score.weight.data.fill_(1.0)
    attention.combine.weight.data = torch.tensor([[2.0, -1.0]])
    keys = torch.tensor([0.0, math.log(3), 50.0])[:, None, None]
    queries = torch.ones(1, 1, 1)
    contexts, weights = attention(queries, keys, torch.tensor([[True], [True], [False]]))
    torch.testing.assert_close(weights, torch.tensor([[[0.25, 0.75, 0.0]]]))
    torch.testing.assert_close(contexts, torch.tensor([[[0.75 * math.log(3)]]]))
    expected = math.tanh(2 * 0.75 * math.log(3) - 1)
    torch.testing.assert_close(attention.combined(contexts, queries), torch.tensor([[[expected]]]))


@pytest.mark.parametrize("diagonal", [False, True])
def test_weights_sum_to_one_over_the_source_and_are_zero_on_padding(diagonal: bool) -> None:
    queries, keys, progress = some_tensors()
    attention = Attention(QUERY, KEY, diagonal=diagonal)
    contexts, weights = attention(queries, keys, MASK, progress)
    assert (contexts.shape, weights.shape) == ((T, B, KEY), (T, B, S))
    assert attention.combined(contexts, queries).shape == (T, B, QUERY)
    torch.testing.assert_close(weights.sum(2), torch.ones(T, B))
    real = MASK.t().expand(T, B, S)
    assert (weights[real] > 0).all() and (weights[~real] == 0).all()
    torch.testing.assert_close(contexts, torch.einsum("tbs,sbd->tbd", weights, keys))


@pytest.mark.parametrize("diagonal", [False, True])
def test_padding_and_the_other_rows_change_nothing(diagonal: bool) -> None:
    queries, keys, progress = some_tensors()
    attention = Attention(QUERY, KEY, diagonal=diagonal)
    together, _ = attention(queries, keys, MASK, progress)
    keys[~MASK] = 1e4
    torch.testing.assert_close(attention(queries, keys, MASK, progress)[0], together)
    for row, length in enumerate(LENGTHS.tolist()):
        one = slice(row, row + 1)
        alone = attention(queries[:, one], keys[:length, one], MASK[:length, one], progress[:, one])[0]
        torch.testing.assert_close(alone, together[:, one])
    for step in range(T):
        one = slice(step, step + 1)
        torch.testing.assert_close(attention(queries[one], keys, MASK, progress[one])[0], together[one])


def test_a_row_without_a_source_has_no_weights_and_no_context() -> None:
    queries, keys, _ = some_tensors()
    contexts, weights = Attention(QUERY, KEY)(queries, keys, torch.zeros(S, B, dtype=torch.bool))
    assert not weights.any() and not contexts.any()


def test_the_diagonal_prior_prefers_the_same_share_of_the_source() -> None:
    """With equal scores, the weights are those of −c (s/S − t/T)²: here c = 5, S = 4, and t/T = 1/2."""
    attention = Attention(QUERY, KEY, diagonal=True)
    attention.score.weight.data.zero_()
    keys, queries = torch.randn(4, 1, KEY), torch.randn(1, 1, QUERY)
    _, weights = attention(queries, keys, torch.ones(4, 1, dtype=torch.bool), torch.full((1, 1), 0.5))
    expected = torch.softmax(torch.tensor([-5 / 4, -5 / 16, 0.0, -5 / 16]), dim=0)
    torch.testing.assert_close(weights[0, 0], expected)


def test_every_parameter_gets_a_gradient() -> None:
    queries, keys, progress = some_tensors()
    queries.requires_grad_(), keys.requires_grad_()
    attention = Attention(QUERY, KEY, diagonal=True)
    contexts, _ = attention(queries, keys, MASK, progress)
    attention.combined(contexts, queries).square().sum().backward()
    for tensor in (*attention.parameters(), queries):
        assert tensor.grad is not None and (tensor.grad != 0).all()
    assert keys.grad is not None and (keys.grad[~MASK] == 0).all() and (keys.grad[MASK] != 0).all()
