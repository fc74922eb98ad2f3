"""Check how an encoder reads whole examples, in one direction and in both, for every cell.

In float64 the loop over time is plain torch; in float32, in multiples of 16 units, it may be compiled.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from charlm.config import ModelConfig
from charlm.nn.cells import LayerContext
from charlm.nn.encoder import Encoder, make_embedding
from charlm.nn.numeric_input import NumericInput
from charlm.registry import names

V, E, H, T, B = 9, 5, 16, 12, 5
LENGTHS = torch.tensor([12, 1, 7, 10, 3])
SIZES = {"embedding_size": E, "hidden_size": H, "layers": 2, "dropout": 0.0}
TOLERANCE = {"rtol": 0, "atol": 1e-5}
BOTH_WAYS = [cell for cell in names("nn.cells") if cell != "jordan"]


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"], autouse=True)
def precision(request: pytest.FixtureRequest) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(request.param)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(before)


def made(cell: str = "gru", bidirectional: bool = False, **settings: Any) -> Encoder:
    """An encoder with random weights and biases, in evaluation mode."""
    config = ModelConfig(cell=cell, **{**SIZES, **settings})
    encoder = Encoder(config, make_embedding(config, V), bidirectional=bidirectional)
    for parameter in encoder.parameters():
        nn.init.normal_(parameter, std=0.3)
    return encoder.eval()


@pytest.fixture(params=BOTH_WAYS)
def encoder(request: pytest.FixtureRequest) -> Encoder:
    return made(request.param, bidirectional=True)


def some_ids(steps: int = T, rows: int = B) -> Tensor:
    return torch.randint(V, (steps, rows))


def changed_at(ids: Tensor, step: int) -> Tensor:
    changed = ids.clone()
    changed[step] = (changed[step] + 1) % V
    return changed


def test_the_forward_half_sees_what_came_and_the_backward_half_what_follows(encoder: Encoder) -> None:
    ids, full = some_ids(), torch.full((B,), T)
    before, after = encoder.encode(ids, full), encoder.encode(changed_at(ids, 5), full)
    assert before.shape == (T, B, 2 * H) and encoder.width == 2 * H
    differs = (before - after).abs().amax(dim=1) > 1e-6  # (T, 2 H)
    forward, backward = differs[:, :H].any(dim=1), differs[:, H:].any(dim=1)
    assert forward.tolist() == [step >= 5 for step in range(T)]
    assert backward.tolist() == [step <= 5 for step in range(T)]


def test_each_stack_reads_as_a_forward_stack_would(encoder: Encoder) -> None:
    """The backward stack is a stack of the same cells that reads the reversed row."""
    ids = some_ids()
    outputs = encoder.encode(ids, LENGTHS)
    forward, backward = made(BOTH_WAYS[0]), made(BOTH_WAYS[0])
    for one, cells in ((forward, encoder.cells), (backward, encoder.backward_cells)):
        one.embedding, one.cells = encoder.embedding, cells
    for row, length in enumerate(LENGTHS.tolist()):
        own = ids[:length, row : row + 1]
        torch.testing.assert_close(outputs[:length, row, :H], forward.outputs(own)[0][:, 0], **TOLERANCE)
        reversed_outputs = backward.outputs(own.flip(0))[0][:, 0]
        torch.testing.assert_close(outputs[:length, row, H:], reversed_outputs.flip(0), **TOLERANCE)


@pytest.mark.parametrize(
    ("cell", "bidirectional"), [*((cell, False) for cell in names("nn.cells")), *((cell, True) for cell in BOTH_WAYS)]
)
def test_padding_and_the_other_rows_change_nothing(cell: str, bidirectional: bool) -> None:
    encoder, ids = made(cell, bidirectional=bidirectional), some_ids()
    together = encoder.encode(ids, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = encoder.encode(ids[:length, row : row + 1], LENGTHS[row : row + 1])
        torch.testing.assert_close(together[:length, row], alone[:, 0], **TOLERANCE)
        assert (together[length:, row] == 0).all()
    other_padding = torch.where(torch.arange(T)[:, None] < LENGTHS, ids, (ids + 3) % V)
    torch.testing.assert_close(encoder.encode(other_padding, LENGTHS), together, **TOLERANCE)
    longer = torch.cat((ids, some_ids(4)))
    torch.testing.assert_close(encoder.encode(longer, LENGTHS)[:T], together, **TOLERANCE)
    order = torch.tensor([3, 0, 4, 2, 1])
    torch.testing.assert_close(encoder.encode(ids[:, order], LENGTHS[order]), together[:, order], **TOLERANCE)


def test_the_backward_stack_may_read_the_beginning_alone(encoder: Encoder) -> None:
    """In a pair, it reads the source, and what it says of the source does not depend on the target."""
    ids, sources = some_ids(), torch.tensor([4, 1, 7, 2, 3])
    outputs = encoder.encode(ids, LENGTHS, backward_lengths=sources)
    torch.testing.assert_close(outputs[..., :H], encoder.encode(ids, LENGTHS)[..., :H], **TOLERANCE)
    alone = encoder.encode(ids[:7], sources)
    torch.testing.assert_close(outputs[:7, :, H:], alone[..., H:], **TOLERANCE)
    for row, length in enumerate(sources.tolist()):
        assert (outputs[length:, row, H:] == 0).all() and (outputs[:length, row, H:] != 0).all()


@pytest.mark.parametrize("settings", [{}, {"layers": 3, "residual": True}], ids=["", "residual"])
@pytest.mark.parametrize("cell", BOTH_WAYS)
def test_gradients_flow_into_both_stacks(cell: str, settings: dict[str, Any]) -> None:
    encoder = made(cell, bidirectional=True, **settings)
    ids = torch.arange(T * B).reshape(T, B) % V  # every token is read
    (encoder.encode(ids, LENGTHS) * torch.randn(T, B, 2 * H)).sum().backward()
    parameters = dict(encoder.named_parameters())
    assert {"cells.0.weight_ih", "backward_cells.0.weight_ih", "backward_cells.1.weight_ih"} < set(parameters)
    for name, parameter in parameters.items():
        assert parameter.grad is not None and (parameter.grad != 0).reshape(len(parameter), -1).any(dim=1).all(), name


def test_the_gradient_of_padding_is_zero() -> None:
    """A row of the embedding that occurs only in padding gets no gradient."""
    encoder, ids = made(bidirectional=True), some_ids() % (V - 1)
    ids[torch.arange(T)[:, None] >= LENGTHS] = V - 1
    encoder.encode(ids, LENGTHS).square().sum().backward()
    gradient = encoder.embedding.weight.grad
    assert (gradient[V - 1] == 0).all() and (gradient[: V - 1] != 0).any()


@pytest.mark.parametrize(("cell", "theirs"), [("gru", nn.GRU), ("lstm", nn.LSTM), ("rnn", nn.RNN)])
def test_one_layer_in_both_directions_agrees_with_torch(cell: str, theirs: type[nn.RNNBase]) -> None:
    encoder = made(cell, layers=1, bidirectional=True)
    reference = theirs(E, H, bidirectional=True)
    for suffix, stack in (("", encoder.cells), ("_reverse", encoder.backward_cells)):
        for name, value in stack[0].state_dict().items():
            getattr(reference, f"{name}_l0{suffix}").data = value
    ids = some_ids()
    packed = nn.utils.rnn.pack_padded_sequence(encoder.embedding.vectors(ids), LENGTHS, enforce_sorted=False)
    expected, _ = nn.utils.rnn.pad_packed_sequence(reference(packed)[0])
    torch.testing.assert_close(encoder.encode(ids, LENGTHS), expected, **TOLERANCE)


@pytest.mark.parametrize("cell", names("nn.cells"))
def test_one_direction_reads_as_outputs_does(cell: str) -> None:
    encoder, ids = made(cell), some_ids()
    assert encoder.width == H
    torch.testing.assert_close(encoder.encode(ids, torch.full((B,), T)), encoder.outputs(ids)[0])


@pytest.mark.parametrize("cell", BOTH_WAYS)
def test_the_way_of_a_gpu_gives_the_same_outputs(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, ids = made(cell, bidirectional=True), some_ids()
    here = encoder.encode(ids, LENGTHS)
    monkeypatch.setattr(Encoder, "uses_torch_layers", True)
    torch.testing.assert_close(encoder.encode(ids, LENGTHS), here, **TOLERANCE)


def test_dropout_comes_from_the_generator() -> None:
    encoder, ids = made(bidirectional=True, dropout=0.5).train(), some_ids()
    seeds = (1, 1, 2)
    first, second, third = (encoder.encode(ids, LENGTHS, torch.Generator().manual_seed(seed)) for seed in seeds)
    assert torch.equal(first, second)
    assert not torch.allclose(first[..., :H], third[..., :H]) and not torch.allclose(first[..., H:], third[..., H:])


@pytest.mark.parametrize("cell", names("nn.cells"))
def test_a_cell_reads_numbers(cell: str) -> None:
    """The first layer projects the numbers themselves: W x + b."""
    config = ModelConfig(cell=cell, **SIZES)
    encoder = Encoder(config, NumericInput(3)).eval()
    values = torch.randn(T, B, 3)
    x = values
    for layer in encoder.cells:
        x, _ = layer.unroll(layer.project(x), layer.zero_state(B))
    torch.testing.assert_close(encoder.outputs(values)[0], x, rtol=1e-4, atol=1e-5)


def test_a_linear_network_of_three_units_sums_the_last_three_numbers() -> None:
    """h<t> = W_h h<t-1> + W_x x<t> shifts the numbers through three units; the readout adds them."""
    config = ModelConfig(cell="rnn", activation="identity", hidden_size=3, layers=1, dropout=0.0)
    encoder, readout = Encoder(config, NumericInput(1)), nn.Linear(3, 1)
    (cell,) = encoder.cells
    cell.weight_ih.data = torch.tensor([[1.0], [0.0], [0.0]])
    cell.weight_hh.data = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    readout.weight.data.fill_(1.0)
    readout.bias.data.zero_()
    x = torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0])
    y = readout(encoder.outputs(x[:, None, None])[0])
    assert y.flatten().tolist() == [1.0, 3.0, 7.0, 14.0, 28.0]


def test_a_jordan_network_of_numbers_feeds_its_prediction_back() -> None:
    """h<t> = tanh(W_h ŷ<t-1> + W_x x<t> + b) with the predicted number ŷ<t> = W_y h<t> + b_y, and ŷ<0> = 0."""
    readout = nn.Linear(H, 1)
    config = ModelConfig(cell="jordan", hidden_size=H, layers=1, dropout=0.0)
    encoder = Encoder(config, NumericInput(1), LayerContext(vocabulary=1, logits=readout, numbers=True))
    (cell,) = encoder.cells
    x, predicted = torch.randn(T, B, 1), torch.zeros(B, 1)
    outputs, ((last,),) = encoder.outputs(x)
    for t in range(T):
        h = torch.tanh(predicted @ cell.weight_hh.t() + cell.bias_hh + x[t] @ cell.weight_ih.t() + cell.bias_ih)
        predicted = readout(h)
        torch.testing.assert_close(outputs[t], h)
    torch.testing.assert_close(last, predicted)
