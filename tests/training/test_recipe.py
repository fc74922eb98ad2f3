"""The size of a network where the user does not say: what the budget can train and the corpus can teach."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from charlm.config import ModelConfig
from charlm.nn.network import Network
from charlm.training import speed
from charlm.training.distributed import ALONE
from charlm.training.recipe import resolve, resolve_dropout, weights

MANY = 10**9


def shape(vocabulary: int) -> Callable[[ModelConfig], Network]:
    return lambda config: Network(config, vocabulary)


def size(corpus: int = MANY, budget: float = 1e15, **asked: object) -> int:
    """Weights of the network for a budget of so many weights applied to a token each."""
    return weights(resolve(ModelConfig(**asked), corpus, shape(65), lambda needed: budget / needed).config, shape(65))  # type: ignore[arg-type]


def test_the_weights_a_token_meets_are_those_of_the_equations() -> None:
    """Two layers of a GRU: W_h twice, W_x once, since the lowest is looked up; and the readout."""
    assert weights(ModelConfig(cell="gru", hidden_size=10, layers=2), shape(7)) == 3 * (3 * 10 * 10) + 7 * 10
    assert weights(ModelConfig(cell="lstm", hidden_size=10, layers=1), shape(7)) == 4 * 10 * 10 + 7 * 10


def test_what_a_cell_or_a_readout_has_besides_counts() -> None:
    """No W_h in a minGRU; a read-out of its own in all but the last layer of a Jordan network; V come back there."""
    assert weights(ModelConfig(cell="mingru", hidden_size=10, layers=2), shape(7)) == 2 * 10 * 10 + 7 * 10
    assert weights(ModelConfig(cell="jordan", hidden_size=10, layers=2), shape(7)) == (3 * 10 * 10 + 10 * 7) + 7 * 10
    assert (
        weights(ModelConfig(cell="rnn", hidden_size=10, layers=1, readout_layers=3), shape(7)) == 3 * 10 * 10 + 7 * 10
    )


@given(st.floats(1, 1e15), st.floats(1, 100), st.integers(2, MANY))
def test_a_larger_budget_never_gives_a_smaller_network(budget: float, more: float, corpus: int) -> None:
    assert size(corpus, budget) <= size(corpus, budget * more)


@given(st.integers(2, MANY), st.integers(0, MANY))
def test_nor_does_a_larger_corpus(corpus: int, more: int) -> None:
    assert size(corpus) <= size(corpus + more)


@pytest.mark.parametrize(("minutes", "expected"), [(0.25, (1, 256)), (1, (2, 256)), (3, (2, 384)), (10, (2, 512))])
def test_what_a_megabyte_gets_where_the_rule_was_measured(minutes: float, expected: tuple[int, int]) -> None:
    """It applies 47 billion weights to a token each a second, and spends six seconds on other things."""
    budget = (60 * minutes - 6) * 47e9
    found = resolve(ModelConfig(), 1_000_000, shape(65), lambda needed: budget / needed).config
    assert (found.layers, found.hidden_size) == expected


@pytest.mark.parametrize(
    ("asked", "corpus", "tokens", "why"),
    [
        (ModelConfig(hidden_size=8, layers=1), MANY, 1e15, "as asked"),
        (ModelConfig(), MANY, 1e15, "the largest"),
        (ModelConfig(), MANY, 1e6, "fewer than 3 tokens per weight"),
        (ModelConfig(), 10**5, 1e15, "4 weights per token of the corpus"),
        (
            ModelConfig(layers=2),
            10,
            1e15,
            "number of layers as asked; the smallest width that charlm chooses",
        ),
        (ModelConfig(layers=1), MANY, 1e6, "number of layers as asked; a wider network would see fewer than 3"),
        (ModelConfig(hidden_size=4000), MANY, 10, "width as asked; the smallest number of layers that charlm chooses"),
        (ModelConfig(hidden_size=300), MANY, 2e6, "width as asked; a deeper network would see fewer than 3 tokens"),
        (ModelConfig(hidden_size=300), MANY, 1e15, "width as asked; the largest number of layers that charlm chooses"),
        (ModelConfig(), MANY, 10, "the smallest size that charlm chooses by itself; it will see fewer than 3 tokens"),
    ],
    ids=str,
)
def test_a_size_has_its_reason(asked: ModelConfig, corpus: int, tokens: float, why: str) -> None:
    assert why in resolve(asked, corpus, shape(65), lambda needed: tokens).reason


def test_what_is_asked_for_is_taken() -> None:
    found = resolve(ModelConfig(hidden_size=999, embedding_size=7), 10, shape(65), lambda needed: 0.0).config
    assert (found.hidden_size, found.layers, found.embedding_size) == (999, 1, 7)
    assert resolve(ModelConfig(layers=5), 10, shape(65), lambda needed: 0.0).config.layers == 5
    assert resolve_dropout(ModelConfig(dropout=0.1), 100.0).dropout == 0.1


def test_what_is_passed_often_gets_dropout() -> None:
    found = [resolve_dropout(ModelConfig(), passes).dropout for passes in (1, 10, 20, 50)]
    assert found == sorted(found) and found[0] == 0.0 < found[-1]  # type: ignore[type-var, operator]


@pytest.mark.parametrize(("alone", "threads"), [(0.5, 1), (0.9, 2), (2.0, 2)])
def test_one_thread_is_taken_only_where_it_is_much_faster(alone: float, threads: int) -> None:
    before = torch.get_num_threads()
    trial: Callable[[], float] = lambda: alone  # noqa: E731
    try:
        torch.set_num_threads(2)
        assert speed.with_fewer_threads(1.0, trial, ALONE) == (alone if threads == 1 else 1.0)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
