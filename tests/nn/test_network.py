"""Check the whole network for every cell and embedding."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from charlm.config import ModelConfig
from charlm.errors import ConfigError, UnknownNameError
from charlm.nn.network import Network, detach, select
from charlm.registry import names

V, E, H, T, B = 9, 5, 6, 8, 3
DEEP = {"layers": 3, "residual": True, "readout_layers": 3}
VARIANTS = [(cell, embedding, {}) for cell in names("nn.cells") for embedding in names("nn.embeddings")]
VARIANTS += [(cell, "learned", DEEP) for cell in names("nn.cells")]
VARIANTS += [(cell, "learned", {"readout": "adaptive"}) for cell in ("gru", "jordan")]
VARIANTS += [(cell, "learned", {"tie_weights": True, "embedding_size": H}) for cell in ("gru", "jordan")]


pytestmark = pytest.mark.usefixtures("float64")


def made(cell: str, embedding: str, **settings: Any) -> Network:
    """A network with random weights and biases, in evaluation mode."""
    sizes = {"embedding_size": E, "hidden_size": H, "layers": 2, "dropout": 0.0}
    network = Network(ModelConfig(cell=cell, embedding=embedding, **{**sizes, **settings}), V)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.5)
    return network.eval()


@pytest.fixture(params=VARIANTS, ids=lambda variant: " ".join((*variant[:2], *variant[2])))
def network(request: pytest.FixtureRequest) -> Network:
    """Return each cell with each embedding, and each cell in a network with all options."""
    cell, embedding, settings = request.param
    return made(cell, embedding, **settings)


def some_ids() -> Tensor:
    return torch.randint(V, (T, B))


def test_a_text_may_be_read_symbol_by_symbol(network: Network) -> None:
    ids = some_ids()
    whole, last = network(ids)
    state, pieces = None, []
    for t in range(T):
        logits, state = network(ids[t : t + 1], state)
        pieces.append(logits)
    torch.testing.assert_close(torch.cat(pieces), whole)
    torch.testing.assert_close(state, last)


def test_a_reset_starts_every_layer_afresh(network: Network) -> None:
    """Row 1 starts anew at t = 3, the others go on."""
    ids, resets = some_ids(), torch.zeros(T, B, dtype=torch.bool)
    resets[3, 1] = True
    _, state = network(some_ids())
    logits, last = network(ids, state, resets)
    fresh, fresh_last = network(ids[3:, 1:2])
    on, on_last = network(ids, state)
    one, others = torch.tensor([1]), torch.tensor([0, 2])
    torch.testing.assert_close(logits[3:, one], fresh)
    torch.testing.assert_close(select(last, one), fresh_last)
    torch.testing.assert_close(logits[:, others], on[:, others])
    torch.testing.assert_close(select(last, others), select(on_last, others))


def test_the_future_cannot_change_the_past(network: Network) -> None:
    ids = some_ids()
    changed = ids.clone()
    changed[5:] = (changed[5:] + 1) % V
    before, after = network(ids)[0], network(changed)[0]
    assert torch.equal(before[:5], after[:5])
    assert not torch.allclose(before[5:], after[5:])


def test_rows_of_a_batch_do_not_leak_into_each_other(network: Network) -> None:
    ids = some_ids()
    together, _ = network(ids)
    for row in range(B):
        torch.testing.assert_close(network(ids[:, row : row + 1])[0], together[:, row : row + 1])


def test_a_selected_state_goes_on_as_its_row_would_have(network: Network) -> None:
    rows = torch.tensor([2, 0, 0])
    _, state = network(some_ids())
    following = some_ids()
    torch.testing.assert_close(
        network(following[:, rows], select(state, rows))[0], network(following, state)[0][:, rows]
    )


def test_every_parameter_gets_a_gradient(network: Network) -> None:
    ids = torch.arange(T * B).reshape(T, B) % V  # every symbol is read
    logits, _ = network(ids)
    functional.cross_entropy(logits.flatten(0, 1), some_ids().flatten()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and (parameter.grad != 0).reshape(len(parameter), -1).any(dim=1).all(), name


def test_no_gradient_flows_through_a_detached_state(network: Network) -> None:
    first = network(some_ids())[1]
    logits, _ = network(some_ids(), detach(first))
    assert all(part.grad_fn is None for layer in detach(first) for part in layer)
    (gradient,) = torch.autograd.grad(logits.sum(), [first[0][0]], allow_unused=True)
    assert gradient is None


def test_a_symbol_that_never_was_a_target_has_probability_zero(network: Network) -> None:
    """The probability is exactly 0 at every step and has no gradient; the other probabilities sum to one."""
    never = torch.tensor([0, 1, 4])
    network.allowed_tokens[never] = False
    logits, _ = network(some_ids())
    probability = torch.softmax(logits, dim=-1)
    assert (probability[..., never] == 0).all()
    assert (probability > 0).sum() == T * B * (V - 3)
    torch.testing.assert_close(probability.sum(dim=-1), torch.ones(T, B))
    functional.cross_entropy(logits.flatten(0, 1), torch.full((T * B,), 5)).backward()
    assert all(each.grad is not None and each.grad.isfinite().all() for each in network.parameters())
    if hasattr(network.readout, "weight"):  # a row for each symbol, and for nothing else
        for parameter in (network.readout.weight, network.readout.bias):
            assert (parameter.grad[never] == 0).all() and (parameter.grad[5] != 0).all()


@pytest.mark.parametrize(("cell", "theirs"), [("gru", nn.GRU), ("lstm", nn.LSTM), ("rnn", nn.RNN)])
def test_layers_stack_as_those_of_torch_do(cell: str, theirs: type[nn.RNNBase]) -> None:
    network = made(cell, "learned", layers=3)
    stack = theirs(E, H, num_layers=3)
    for layer, ours in enumerate(network.cells):
        for name, value in ours.state_dict().items():
            getattr(stack, f"{name}_l{layer}").data = value
    ids = some_ids()
    outputs, _ = stack(functional.embedding(ids, network.embedding.weight))
    torch.testing.assert_close(network(ids)[0], network.logits(outputs))


@pytest.mark.parametrize("embedding", names("nn.embeddings"))
@pytest.mark.parametrize("cell", names("nn.cells"))
def test_the_way_a_gpu_goes_leads_to_the_same_logits(
    cell: str, embedding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, ids = made(cell, embedding, residual=True), some_ids()
    resets = torch.rand(ids.shape) < 0.2
    here = network(ids, None, resets)
    monkeypatch.setattr(Network, "uses_torch_layers", True)
    torch.testing.assert_close(network(ids, None, resets), here)


@pytest.mark.parametrize("cell", names("nn.cells"))
def test_a_residual_layer_adds_what_it_reads_and_dense_layers_follow(cell: str) -> None:
    """x<1> = cell(embedding), x<l> = x<l-1> + cell(x<l-1>); then tanh(W x + b) twice, and the readout."""
    network, ids = made(cell, "learned", **DEEP), some_ids()
    lowest, *above = network.cells
    x, _ = lowest.recur(lowest.project(network.embedding.vectors(ids)), lowest.zero_state(B))
    for layer in above:
        x = x + layer.recur(layer.project(x), layer.zero_state(B))[0]
    for dense in network.dense:
        x = torch.tanh(x @ dense.weight.t() + dense.bias)
    torch.testing.assert_close(network(ids)[0], x @ network.readout.weight.t() + network.readout.bias)


def test_a_network_of_one_layer_has_nothing_to_add() -> None:
    plain, residual = (made("gru", "learned", layers=1, residual=residual) for residual in (False, True))
    residual.load_state_dict(plain.state_dict())
    ids = some_ids()
    assert torch.equal(plain(ids)[0], residual(ids)[0])


@pytest.mark.parametrize("settings", [{}, DEEP, {"layers": 1}], ids=["", "deep", "one layer"])
def test_what_comes_back_in_a_jordan_network_is_the_distribution_it_put_out(settings: dict[str, Any]) -> None:
    """The dense layers are included, and tokens that are not allowed have probability 0."""
    network = made("jordan", "learned", **settings)
    network.allowed_tokens[[1, 4]] = False
    ids = some_ids()
    for t in range(T):
        logits, state = network(ids[: t + 1])
        torch.testing.assert_close(state[-1][0], torch.softmax(logits[-1], dim=-1))
    for (below,) in state[:-1]:
        assert below.shape == (B, H)
        torch.testing.assert_close(below.sum(dim=-1), torch.ones(B))


def test_a_copied_jordan_network_reads_its_own_readout() -> None:
    network, ids = made("jordan", "learned"), some_ids()
    before = network(ids)[0]
    copied = copy.deepcopy(network)
    copied.readout.weight.data.zero_()
    copied.readout.bias.data.zero_()
    torch.testing.assert_close(copied(ids)[1][-1][0], torch.full((B, V), 1 / V))
    assert torch.equal(network(ids)[0], before)


def test_dropout_acts_in_training_alone() -> None:
    network, ids = made("gru", "learned", dropout=0.5), some_ids()
    calm, _ = network(ids)
    network.train()
    first, second = network(ids)[0], network(ids)[0]
    assert not torch.allclose(first, second)
    network.dropout = 0.0
    assert torch.equal(network(ids)[0], calm)


def test_dropout_keeps_the_mean() -> None:
    """The readout's input is dropped out: values that survive are scaled by 1 / (1 − 0.5)."""
    network = made("rnn", "one-hot", layers=1, dropout=0.5)
    ids = torch.zeros(1, 20_000, dtype=torch.long)
    kept, _ = network(ids[:, :1])
    dropped, _ = network.train()(ids)
    torch.testing.assert_close(dropped.mean(dim=1), kept[:, 0], atol=0.05, rtol=0)


@pytest.mark.parametrize(
    ("cell", "cells"),
    [
        ("rnn", 6 * (5 + 6 + 2) + 6 * (6 + 6 + 2)),
        ("jordan", 6 * (5 + 6 + 2) + 6 * (6 + 1) + 6 * (6 + 9 + 2)),  # a read-out of its own below; ŷ comes back above
        ("gru-simple", 2 * 6 * (5 + 6 + 2) + 2 * 6 * (6 + 6 + 2)),
        ("gru-cho", 3 * 6 * (5 + 6 + 2) + 3 * 6 * (6 + 6 + 2)),
        ("gru", 3 * 6 * (5 + 6 + 2) + 3 * 6 * (6 + 6 + 2)),
        ("lstm", 4 * 6 * (5 + 6 + 2) + 4 * 6 * (6 + 6 + 2)),
        ("mingru", 2 * 6 * (5 + 1) + 2 * 6 * (6 + 1)),
        ("minlstm", 3 * 6 * (5 + 1) + 3 * 6 * (6 + 1)),
    ],
)
def test_the_number_of_parameters_is_that_of_the_equations(cell: str, cells: int) -> None:
    """A gate has H · (inputs + H) weights and 2 H biases; table V · E; readout V · (H + 1); dense layer H · (H + 1)."""
    assert made(cell, "learned").parameter_count() == cells + 9 * 5 + 9 * 7
    assert made(cell, "learned", readout_layers=3).parameter_count() == cells + 9 * 5 + 9 * 7 + 2 * 6 * 7
    assert made(cell, "learned", residual=True).parameter_count() == cells + 9 * 5 + 9 * 7


def test_names_that_do_not_exist_are_refused_with_a_hint() -> None:
    sizes = {"cell": "rnn", "embedding_size": E, "hidden_size": H, "layers": 1, "dropout": 0.0}
    with pytest.raises(UnknownNameError, match="did you mean 'gru'"):
        made("gruu", "learned")
    with pytest.raises(UnknownNameError, match="did you mean 'one-hot'"):
        made("gru", "onehot")
    with pytest.raises(UnknownNameError, match=r"'tan'.*tanh, relu, sigmoid, identity"):
        Network(ModelConfig(activation="tan", **sizes), V)
    with pytest.raises(ConfigError, match="only jordan and rnn have one to choose"):
        Network(ModelConfig(activation="tanh", **{**sizes, "cell": "gru"}), V)
