"""Check what every recurrent cell must do; test_cell_equations.py checks the equation of each.

In float64 the loop over time is plain torch; in float32, on a CPU and in multiples of 16 units, it may be compiled.
"""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from charlm.nn.cells import ACTIVATIONS, Cell, LayerContext, RecurrentCell, State
from charlm.nn.segments import segments
from charlm.nn.torch_layer import torch_layer
from charlm.registry import find, names

T, B, E, H, V = 11, 9, 4, 32, 7
RESETS = torch.zeros(T, B, dtype=torch.bool)
RESETS[[2, 5, 2, 10], [0, 0, 1, 3]] = True  # one row twice, others once or never
PRECISIONS = {torch.float64: {"rtol": 1e-9, "atol": 1e-12}, torch.float32: {"rtol": 1e-4, "atol": 1e-5}}


class Variant(NamedTuple):
    """A cell, its activation if it has a choice, and whether it is the last layer of a network."""

    name: str
    activation: str | None = None
    last: bool = False

    def made(self, input_size: int, hidden_size: int, precision: torch.dtype) -> Cell:
        """Return the cell with random weights and biases."""
        context = LayerContext()
        if self.last:
            context = LayerContext(vocabulary=V, logits=randomized(nn.Linear(hidden_size, V).to(precision)))
        return randomized(find(Cell, self.name)(input_size, hidden_size, self.activation, context).to(precision))

    def __str__(self) -> str:
        return " ".join(filter(None, (self.name, self.activation, "last" * self.last)))


FREE = ("rnn", "jordan")  # to choose their activation
VARIANTS = [Variant(name, g) for name in names("nn.cells") for g in (ACTIVATIONS if name in FREE else [None])]
VARIANTS += [Variant("jordan", last=True)]


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(params=VARIANTS, ids=str)
def variant(request: pytest.FixtureRequest) -> Variant:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=PRECISIONS, ids=["float64", "float32"])
def cell(request: pytest.FixtureRequest, variant: Variant) -> Cell:
    """Each cell in each precision."""
    return variant.made(E, H, request.param)


def randomized(module: nn.Module) -> nn.Module:
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.1)
    return module


def some(cell: Cell, *shape: int) -> Tensor:
    return torch.randn(shape, dtype=cell.weight_ih.dtype)


def some_state(cell: Cell) -> State:
    return tuple(torch.randn_like(part) for part in cell.zero_state(B))


def run(cell: Cell, x: Tensor, state: State, resets: Tensor | None = None) -> tuple[Tensor, State]:
    keep = None if resets is None else (~resets).to(x.dtype).unsqueeze(-1)
    return cell.recur(cell.project(x), state, keep)


def close(found: object, expected: object, cell: Cell) -> None:
    torch.testing.assert_close(found, expected, **PRECISIONS[cell.weight_ih.dtype])


def test_a_state_is_zeros_of_the_shape_it_keeps(cell: Cell) -> None:
    state = cell.zero_state(B)
    assert len(state) == cell.state_tensors
    outputs, last = run(cell, some(cell, T, B, E), state)
    assert outputs.shape == (T, B, H)
    for before, after in zip(state, last, strict=True):
        assert not before.any()
        assert (before.shape, before.dtype) == (after.shape, after.dtype)


def test_a_whole_sequence_is_the_same_step_by_step(cell: Cell) -> None:
    """Start from any state, with resets in the middle."""
    x, state = some(cell, T, B, E), some_state(cell)
    outputs, last = run(cell, x, state, RESETS)
    for t in range(T):
        state = tuple(torch.where(RESETS[t, :, None], 0.0, part) for part in state)
        output, state = cell.step(cell.project(x[t]), state)
        close(outputs[t], output, cell)
    close(last, state, cell)


@pytest.mark.parametrize("resets", [None, RESETS, ~RESETS], ids=["", "resets", "short sequences"])
def test_the_layers_of_torch_read_the_same(cell: Cell, resets: Tensor | None) -> None:
    """Compare outputs and gradients of the layers that run on cuDNN on a GPU, with and without resets."""
    if not (isinstance(cell, RecurrentCell) and cell.torch_function):
        pytest.skip("torch has no such layer")
    x, state = some(cell, T, B, E), some_state(cell)
    found = torch_layer(cell, x, state, None if resets is None else segments(resets))
    expected = run(cell, x, state, resets)
    close(found, expected, cell)
    gradients = [torch.autograd.grad((outputs**2).sum(), list(cell.parameters())) for outputs, _ in (found, expected)]
    close(*gradients, cell)


@pytest.mark.parametrize("at", [0, 2, T - 1])
def test_a_reset_is_a_fresh_start(cell: Cell, at: int) -> None:
    x = some(cell, T, B, E)
    outputs, last = run(cell, x, some_state(cell), (torch.arange(T) == at)[:, None].expand(T, B))
    fresh, fresh_last = run(cell, x[at:], cell.zero_state(B))
    close(outputs[at:], fresh, cell)
    close(last, fresh_last, cell)


def test_every_part_of_the_state_is_remembered(cell: Cell) -> None:
    x = some(cell, T, B, E)
    for part in range(cell.state_tensors):
        state = list(cell.zero_state(B))
        state[part] = torch.randn_like(state[part]).abs()
        outputs = run(cell, x, tuple(state))[0]
        assert not torch.allclose(outputs[:2], run(cell, x, cell.zero_state(B))[0][:2], rtol=1e-3)


@pytest.mark.parametrize("at", [1, 9])
def test_the_future_cannot_change_the_past(cell: Cell, at: int) -> None:
    x, state = some(cell, T, B, E), some_state(cell)
    changed = x.clone()
    changed[at:] += 1
    before, after = run(cell, x, state)[0], run(cell, changed, state)[0]
    assert torch.equal(before[:at], after[:at])
    assert not torch.allclose(before[at:], after[at:], rtol=1e-3)


def test_rows_of_a_batch_do_not_leak_into_each_other(cell: Cell) -> None:
    x, state = some(cell, T, B, E), some_state(cell)
    together = run(cell, x, state, RESETS)[0]
    for row in range(B):
        alone = slice(row, row + 1)
        outputs, _ = run(cell, x[:, alone], tuple(part[alone] for part in state), RESETS[:, alone])
        close(outputs, together[:, alone], cell)


def test_every_parameter_gets_a_gradient(cell: Cell) -> None:
    outputs, _ = run(cell, some(cell, T, B, E), some_state(cell))
    (outputs * some(cell, T, B, H)).sum().backward()
    for name, parameter in cell.named_parameters():
        assert parameter.grad is not None and (parameter.grad != 0).reshape(len(parameter), -1).any(dim=1).all(), name


def test_gradients_through_resets_and_the_last_state_are_those_of_single_steps(cell: Cell) -> None:
    """Check the gradients of the input, the initial state, and each parameter."""
    x, state, weight = some(cell, T, B, E), some_state(cell), some(cell, T, B, H)
    found = []
    for loop in (cell.recur, cell.unroll):
        inputs = [part.clone().requires_grad_() for part in (x, *state)]
        outputs, last = loop(cell.project(inputs[0]), tuple(inputs[1:]), (~RESETS).to(x.dtype).unsqueeze(-1))
        loss = (outputs * weight).sum() + sum(part.square().sum() for part in last)
        found.append(torch.autograd.grad(loss, [*inputs, *cell.parameters()]))
    close(found[0], found[1], cell)


def test_the_gradient_is_that_of_finite_differences(variant: Variant) -> None:
    cell = variant.made(2, 3, torch.float64)
    x, state = some(cell, 3, 1, 2), tuple(torch.randn_like(part) for part in cell.zero_state(1))
    inputs = [part.requires_grad_() for part in (x, *state, *cell.parameters())]
    assert torch.autograd.gradcheck(lambda x, *rest: run(cell, x, rest[: cell.state_tensors])[0], inputs)


@pytest.mark.parametrize("precision", PRECISIONS, ids=["float64", "float32"])
@pytest.mark.parametrize(
    ("name", "activation", "theirs"),
    [("rnn", "tanh", nn.RNN), ("rnn", "relu", nn.RNN), ("gru", None, nn.GRU), ("lstm", None, nn.LSTM)],
)
def test_a_cell_agrees_with_torch_on_copied_weights(
    name: str, activation: str | None, theirs: type[nn.RNNBase], precision: torch.dtype
) -> None:
    """Compare outputs, last state, and the gradients of input, initial state and weights."""
    reference = randomized(theirs(E, H, **({"nonlinearity": activation} if activation else {})).to(precision))
    cell = find(Cell, name)(E, H, activation).to(precision)
    cell.load_state_dict({key.removesuffix("_l0"): value for key, value in reference.state_dict().items()})
    x, state, weight = some(cell, T, B, E), some_state(cell), some(cell, T, B, H)
    found = []
    for network in (cell, reference):
        inputs = [part.clone().requires_grad_() for part in (x, *state)]
        if network is cell:
            outputs, last = run(cell, inputs[0], tuple(inputs[1:]))
        else:
            first = tuple(part[None] for part in inputs[1:])
            outputs, after = reference(inputs[0], first if cell.state_tensors > 1 else first[0])
            last = tuple(part[0] for part in (after if cell.state_tensors > 1 else (after,)))
        loss = (outputs * weight).sum() + sum(part.square().sum() for part in last)
        found.append((outputs, last, torch.autograd.grad(loss, [*inputs, *network.parameters()])))
    close(found[0], found[1], cell)
