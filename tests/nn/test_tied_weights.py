"""Check `--tie-weights`: one table is the embedding and the matrix of the readout."""

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import LINES, QUICK, TINY, Outcome
from torch import Tensor

import charlm
from charlm.config import ModelConfig
from charlm.nn.network import Network
from charlm.nn.readouts import choose
from charlm.tokenizers import Tokenizer
from charlm.training.learner import Learner
from charlm.training.recipe import resolve, weights

V, H = 11, 4
SHAPE = ModelConfig(cell="gru", hidden_size=H, layers=1, dropout=0.0, tie_weights=True)


def made(**settings: object) -> Network:
    torch.manual_seed(0)
    return Network(replace(SHAPE, **settings), V).eval()  # type: ignore[arg-type]


def untied(network: Network) -> Network:
    """Return a network with two tables that computes the same function."""
    found = Network(replace(SHAPE, tie_weights=False), V)
    both = {"embedding.weight": network.embedding.weight * 2, "readout.weight": network.embedding.weight}  # √4 is 2
    found.load_state_dict({**network.state_dict(), **both})
    return found.eval()


def test_a_row_is_the_input_of_its_symbol_and_the_weights_of_its_logit() -> None:
    """h = W_x · 2 E[x] + W_h h + b, logits = E h + b, with a square root of four."""
    network = made(cell="rnn", activation="identity")
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)
    cell, table = network.cells[0], network.embedding.weight
    h = torch.zeros(H)
    for symbol in (3, 7, 3):
        h = cell.weight_ih @ (2 * table[symbol]) + cell.bias_ih + cell.weight_hh @ h + cell.bias_hh
    logits, _ = network(torch.tensor([[3], [7], [3]]))
    torch.testing.assert_close(logits[2, 0], table @ h + network.readout.bias)


@pytest.mark.parametrize("steps", [2, 30])
def test_the_gradient_is_that_of_both_roles(steps: int) -> None:
    """Read fewer tokens than the vocabulary has, and more, which are looked up in a projected table."""
    one = made()
    two = untied(one)
    ids = torch.randint(V, (steps, 2))
    weight = torch.randn(steps, 2, V)
    for network in (one, two):
        (network(ids)[0] * weight).sum().backward()
    expected = 2 * two.embedding.weight.grad + two.readout.weight.grad
    torch.testing.assert_close(one.embedding.weight.grad, expected)
    torch.testing.assert_close(one.cells[0].weight_hh.grad, two.cells[0].weight_hh.grad)


def test_it_is_one_parameter_for_the_optimizer_and_decays_once() -> None:
    learner = Learner(made(), replace(QUICK, weight_decay=0.5))
    assert len(learner.optimizer.tensors()["mean"]) == len(list(untied(made()).parameters())) - 1
    before = learner.network.embedding.weight.detach().clone()
    for parameter in learner.network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    learner.optimizer.step(0.1)
    torch.testing.assert_close(learner.network.embedding.weight.data, before * (1 - 0.1 * 0.5))


def test_a_copy_is_tied_to_itself() -> None:
    network = made()
    copied = copy.deepcopy(network)
    copied.embedding.weight.data.zero_()
    copied.readout.bias.data.zero_()
    ids = torch.randint(V, (3, 2))
    assert (copied(ids)[0] == 0).all() and (network(ids)[0] != 0).any()


def test_a_fresh_network_reads_symbols_of_unit_size_and_guesses_evenly() -> None:
    """Inputs have variance 1 and the loss is near that of a uniform guess, as in a network without tied weights."""
    torch.manual_seed(0)
    network = Network(replace(SHAPE, hidden_size=128, embedding_size=None), 500)
    vectors = network.embedding.vectors(torch.arange(3, 500)).detach()
    assert float(vectors.std()) == pytest.approx(1, abs=0.02)
    ids = torch.randint(500, (20, 8))
    logits, _ = network(ids)
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.randint(500, (160,)))
    assert loss.item() == pytest.approx(math.log(500), rel=0.02)
    assert (network.embedding.vectors(torch.tensor(Tokenizer.UNK)) == 0).all()


def test_the_plan_makes_the_embedding_as_wide_as_a_layer() -> None:
    anything: Callable[[int], float] = lambda needed: 1e15  # noqa: E731
    shape = lambda config: Network(config, 65)  # noqa: E731
    found = resolve(ModelConfig(tie_weights=True), 10**9, shape, anything).config
    assert found.embedding_size == found.hidden_size and found.tie_weights
    assert choose(ModelConfig(tie_weights=True), np.ones(10**6, np.int64)).readout == "dense"
    for given in ({"embedding_size": 100}, {"hidden_size": 100}):
        found = resolve(ModelConfig(tie_weights=True, **given), 10**9, shape, anything).config
        assert (found.embedding_size, found.hidden_size) == (100, 100)


def test_the_table_counts_among_the_weights_of_a_token_as_the_readout_does() -> None:
    two = ModelConfig(cell="gru", hidden_size=10, layers=2)
    shape = lambda config: Network(config, 7)  # noqa: E731
    assert weights(replace(two, tie_weights=True), shape) == weights(two, shape)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--embedding-size=4", "--hidden-size=8"], "--embedding-size is 4 and --hidden-size is 8"),
        (["--embedding=one-hot"], "no table to tie"),
        (["--readout=adaptive"], "no matrix to tie"),
        (["--embedding-file=vectors.txt", "--freeze-embedding"], "has to learn"),
    ],
)
def test_what_cannot_be_tied_is_refused_in_a_sentence(
    run: Callable[..., Outcome], tmp_path: Path, options: list[str], sentence: str
) -> None:
    (tmp_path / "lines.txt").write_text(LINES)
    done = run("train", "lines.txt", "--steps=2", "--threads=1", "--tie-weights", *options)
    assert done.code == 2 and sentence in done.err and done.err.count("\n") == 1
    assert not Path("checkpoints/lines").exists()


def test_it_is_stored_once_and_read_back(tmp_path: Path) -> None:
    shape = ModelConfig(hidden_size=16, layers=1, tie_weights=True)
    model = charlm.train(LINES, shape, replace(QUICK, steps=60), folder=tmp_path / "m")
    loaded = charlm.load(tmp_path / "m")
    assert "readout.weight" not in loaded.network.state_dict()
    assert loaded.score("the cat ran") == model.score("the cat ran")
    assert loaded.score("the cat ran").logprob > loaded.score("tar nac eht").logprob + 5
    vectors: Tensor = loaded.network.embedding.vectors(torch.arange(5))
    torch.testing.assert_close(vectors, 4 * loaded.network.embedding.weight[:5])
    assert "tied weights" in (tmp_path / "m" / "README.md").read_text()


def test_the_options_of_a_stored_plan_stand(run: Callable[..., Outcome], tmp_path: Path) -> None:
    """A plan for two tables of different widths cannot be followed with one."""
    (tmp_path / "lines.txt").write_text(LINES)
    assert run("train", "lines.txt", *TINY, "--steps=2").code == 0
    done = run("train", "lines.txt", "--plan=checkpoints/lines/plan.json", "--tie-weights", "-m", "tied")
    assert done.code == 2 and "--embedding-size is 4 and --hidden-size is 8" in done.err
