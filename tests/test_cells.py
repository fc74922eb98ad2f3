"""What every recurrent cell must do, and that each computes its equation.

In float64 the loop over time is plain torch; in float32, on a CPU and in multiples of 16 units, it may be compiled.
"""

import math

import pytest
import torch
from torch import Tensor, nn

from charlm.cells import Cell, State
from charlm.cells.gru import GRU
from charlm.cells.lstm import LSTM
from charlm.cells.rnn import ACTIVATIONS, RNN
from charlm.discover import find, names

T, B, E, H = 11, 9, 4, 32
RESETS = torch.zeros(T, B, dtype=torch.bool)
RESETS[[2, 5, 2, 10], [0, 0, 1, 3]] = True  # one row twice, others once or never
VARIANTS = [(name, kind) for name in names("cells") for kind in (ACTIVATIONS if name == "rnn" else [None])]
PRECISIONS = {torch.float64: {"rtol": 1e-9, "atol": 1e-12}, torch.float32: {"rtol": 1e-4, "atol": 1e-5}}


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(params=VARIANTS, ids=lambda variant: " ".join(filter(None, variant)))
def variant(request: pytest.FixtureRequest) -> tuple[str, str | None]:
    """The name of a cell, and of its activation where it has a choice."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=PRECISIONS, ids=["float64", "float32"])
def cell(request: pytest.FixtureRequest, variant: tuple[str, str | None]) -> Cell:
    """Each cell with each activation in each precision, every weight and bias random."""
    return randomized(find(Cell, variant[0])(E, H, variant[1]).to(request.param))


def randomized(module: nn.Module) -> nn.Module:
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.1)
    return module


def some(cell: Cell, *shape: int) -> Tensor:
    return torch.randn(shape, dtype=cell.weight_hh.dtype)


def some_state(cell: Cell) -> State:
    return tuple(some(cell, B, H) for _ in range(cell.parts))


def run(cell: Cell, x: Tensor, state: State, resets: Tensor | None = None) -> tuple[Tensor, State]:
    keep = None if resets is None else (~resets).to(x.dtype).unsqueeze(-1)
    return cell.recur(cell.project(x), state, keep)


def close(found: object, expected: object, cell: Cell) -> None:
    torch.testing.assert_close(found, expected, **PRECISIONS[cell.weight_hh.dtype])


def test_a_whole_sequence_is_the_same_step_by_step(cell: Cell) -> None:
    """From any state, and with resets in the middle."""
    x, state = some(cell, T, B, E), some_state(cell)
    outputs, last = run(cell, x, state, RESETS)
    for t in range(T):
        state = tuple(torch.where(RESETS[t, :, None], 0.0, part) for part in state)
        state = cell.step(cell.project(x[t]), state)
        close(outputs[t], state[0], cell)
    close(last, state, cell)


@pytest.mark.parametrize("resets", [None, RESETS], ids=["", "resets"])
def test_the_layers_of_torch_read_the_same(cell: Cell, resets: Tensor | None) -> None:
    """Those a GPU runs by cuDNN, from one reset to the next; gradients too."""
    x, state = some(cell, T, B, E), some_state(cell)
    keep = None if resets is None else (~resets).to(x.dtype).unsqueeze(-1)
    found, expected = cell.read(x, state, keep), run(cell, x, state, resets)
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
    for part in range(cell.parts):
        state = list(cell.zero_state(B))
        state[part] = some(cell, B, H).abs()
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
    """Of the input, of the first state, and of each parameter."""
    x, state, weight = some(cell, T, B, E), some_state(cell), some(cell, T, B, H)
    found = []
    for loop in (cell.recur, cell.unroll):
        inputs = [part.clone().requires_grad_() for part in (x, *state)]
        outputs, last = loop(cell.project(inputs[0]), tuple(inputs[1:]), (~RESETS).to(x.dtype).unsqueeze(-1))
        loss = (outputs * weight).sum() + sum(part.square().sum() for part in last)
        found.append(torch.autograd.grad(loss, [*inputs, *cell.parameters()]))
    close(found[0], found[1], cell)


def test_the_gradient_is_that_of_finite_differences(variant: tuple[str, str | None]) -> None:
    cell = randomized(find(Cell, variant[0])(2, 3, variant[1]).double())
    x, state = some(cell, 3, 1, 2), tuple(some(cell, 1, 3) for _ in range(cell.parts))
    inputs = [part.requires_grad_() for part in (x, *state, *cell.parameters())]
    assert torch.autograd.gradcheck(lambda x, *rest: run(cell, x, rest[: cell.parts])[0], inputs)


@pytest.mark.parametrize("precision", PRECISIONS, ids=["float64", "float32"])
@pytest.mark.parametrize(
    ("name", "activation", "theirs"),
    [("rnn", "tanh", nn.RNN), ("rnn", "relu", nn.RNN), ("gru", None, nn.GRU), ("lstm", None, nn.LSTM)],
)
def test_a_cell_agrees_with_torch_on_copied_weights(
    name: str, activation: str | None, theirs: type[nn.RNNBase], precision: torch.dtype
) -> None:
    """Outputs, last state, and the gradients of the input, of the first state and of all weights."""
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
            outputs, after = reference(inputs[0], first if cell.parts > 1 else first[0])
            last = tuple(part[0] for part in (after if cell.parts > 1 else (after,)))
        loss = (outputs * weight).sum() + sum(part.square().sum() for part in last)
        found.append((outputs, last, torch.autograd.grad(loss, [*inputs, *network.parameters()])))
    close(found[0], found[1], cell)


def sigma(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def one_unit(cell: Cell, weights: dict[str, list[float]], x: float, *state: float) -> list[float]:
    """One step of a cell of one unit with these W_x, W_h and b, a number a gate."""
    cell.double().load_state_dict(
        {
            "weight_ih": torch.tensor(weights["W_x"])[:, None],
            "weight_hh": torch.tensor(weights["W_h"])[:, None],
            "bias_ih": torch.tensor(weights["b"]),
            "bias_hh": torch.zeros(len(weights["b"])),
        }
    )
    before = tuple(torch.tensor([[part]], dtype=torch.float64) for part in state)
    after = cell.step(cell.project(torch.tensor([[x]], dtype=torch.float64)), before)
    return [part.item() for part in after]


def test_a_gru_unit_updates_by_one_minus_z() -> None:
    """theory.md's Γu is the share that is updated, torch's z the one that is kept, so Γu = σ(−(pre-activation of z)).

    x = 2, c = 0.5: Γr = σ(0.25 + 0.125 + 0.125) = 0.6225, Γu = σ(−(1 − 0.25 − 0.25)) = 0.3775,
    c̃ = tanh(1 + 0.25 + 0.6225 · 0.5) = 0.9157, and the new c is 0.3775 · 0.9157 + 0.6225 · 0.5 = 0.6569.
    """
    weights = {"W_x": [0.125, 0.5, 0.5], "W_h": [0.25, -0.5, 1.0], "b": [0.125, -0.25, 0.25]}
    reset, update = sigma(0.5), sigma(-0.5)
    candidate = math.tanh(1.25 + reset * 0.5)
    found = one_unit(GRU(1, 1), weights, 2.0, 0.5)
    assert found == pytest.approx([update * candidate + (1 - update) * 0.5], rel=1e-12)
    assert found == pytest.approx([0.6569], abs=1e-4)


@pytest.mark.parametrize(("bias", "expected"), [(40.0, -0.3), (-40.0, math.tanh(5 - 0.3 * sigma(4.7)))])
def test_a_positive_bias_of_z_makes_a_gru_remember(bias: float, expected: float) -> None:
    """With Γu ≈ 0 the state stays −0.3; with Γu ≈ 1 it is c̃ = tanh(5 − 0.3 Γr)."""
    found = one_unit(GRU(1, 1), {"W_x": [1.0] * 3, "W_h": [1.0] * 3, "b": [0.0, bias, 0.0]}, 5.0, -0.3)
    assert found == pytest.approx([expected])


def test_an_lstm_unit_follows_its_equation() -> None:
    """x = 1, a = 0.5, c = −1: Γu = σ(0.5) = 0.6225, Γf = σ(0.25) = 0.5622, c̃ = tanh(1) = 0.7616, Γo = σ(0.75) = 0.6792.

    c = 0.6225 · 0.7616 − 0.5622 = −0.0881 and a = 0.6792 · tanh(−0.0881) = −0.0597.
    """
    weights = {"W_x": [0.25, 0.0, 0.75, 0.5], "W_h": [0.5] * 4, "b": [0.0] * 4}
    memory = sigma(0.5) * math.tanh(1) - sigma(0.25)
    found = one_unit(LSTM(1, 1), weights, 1.0, 0.5, -1.0)
    assert found == pytest.approx([sigma(0.75) * math.tanh(memory), memory], rel=1e-12)
    assert found == pytest.approx([-0.0597, -0.0881], abs=1e-4)


@pytest.mark.parametrize(
    ("activation", "expected"), [("tanh", math.tanh(-0.5)), ("relu", 0), ("sigmoid", sigma(-0.5)), ("identity", -0.5)]
)
def test_an_elman_unit_follows_its_equation(activation: str, expected: float) -> None:
    """W_x x + W_h h + b = 0.5 · 2 − 1 · 1.25 − 0.25 = −0.5."""
    weights = {"W_x": [0.5], "W_h": [-1.0], "b": [-0.25]}
    assert one_unit(RNN(1, 1, activation), weights, 2.0, 1.25) == pytest.approx([expected], rel=1e-12)


def test_three_linear_units_sum_the_last_three_inputs() -> None:
    """theory.md: y<t> = x<t> + x<t-1> + x<t-2>, which nothing without memory can do; 1, 2, 3, 4, 5 → 1, 3, 6, 9, 12."""
    cell = RNN(1, 3, "identity")
    cell.weight_hh.data = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    cell.weight_ih.data = torch.tensor([[1.0], [0], [0]])
    outputs, _ = run(cell, torch.tensor([1.0, 2, 3, 4, 5]).view(5, 1, 1), cell.zero_state(1))
    assert outputs.sum(dim=-1).flatten().tolist() == [1, 3, 6, 9, 12]
