"""Check that each recurrent cell computes its equation: one unit by hand, and several units and steps in numpy.

`[c, x]` is one vector there, as in the equations; the cells keep the two halves of its matrix apart.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy import ndarray

from charlm.nn.cells import Cell, LayerContext
from charlm.nn.cells.gru import GRU
from charlm.nn.cells.gru_cho import ChoGRU
from charlm.nn.cells.gru_simple import SimpleGRU
from charlm.nn.cells.jordan import Jordan
from charlm.nn.cells.lstm import LSTM
from charlm.nn.cells.mingru import MinGRU
from charlm.nn.cells.minlstm import MinLSTM
from charlm.nn.cells.rnn import RNN
from charlm.registry import find, names

Function = Callable[[ndarray], ndarray]


def sigmoid(a: ndarray) -> ndarray:
    return 1 / (1 + np.exp(-a))


def softmax(a: ndarray) -> ndarray:
    return np.exp(a) / np.exp(a).sum()


class Weights:
    """The weights of a cell by gate: `W` for [c, x], its halves `W_h` and `W_x`, and the bias `b`."""

    def __init__(self, cell: Cell) -> None:
        numbers = {name: value.numpy() for name, value in cell.state_dict().items()}
        self.W_x, self.b_x = (np.split(numbers[f"{n}_ih"], cell.gates) for n in ("weight", "bias"))
        if "weight_hh" in numbers:
            self.W_h, self.b_h = (np.split(numbers[f"{n}_hh"], cell.gates) for n in ("weight", "bias"))
            self.W = [np.hstack(pair) for pair in zip(self.W_h, self.W_x, strict=True)]
            self.b = [sum(pair) for pair in zip(self.b_x, self.b_h, strict=True)]
        self.readout = [numbers[f"readout.{n}"] for n in ("weight", "bias") if f"readout.{n}" in numbers]


def stacked(c: ndarray, x: ndarray) -> ndarray:
    return np.concatenate((c, x))


def rnn(w: Weights, x: ndarray, h: ndarray, g: Function = np.tanh) -> tuple[ndarray, tuple[ndarray, ...]]:
    h = g(w.W_h[0] @ h + w.W_x[0] @ x + w.b[0])
    return h, (h,)


def jordan(w: Weights, x: ndarray, o: ndarray, g: Function = np.tanh) -> tuple[ndarray, tuple[ndarray, ...]]:
    h = g(w.W_h[0] @ o + w.W_x[0] @ x + w.b[0])
    return h, (softmax(w.readout[0] @ h + w.readout[1]),)


def gru_simple(w: Weights, x: ndarray, c: ndarray) -> tuple[ndarray, tuple[ndarray, ...]]:
    update = sigmoid(w.W[0] @ stacked(c, x) + w.b[0])
    candidate = np.tanh(w.W[1] @ stacked(c, x) + w.b[1])
    c = update * candidate + (1 - update) * c
    return c, (c,)


def gru_cho(w: Weights, x: ndarray, c: ndarray) -> tuple[ndarray, tuple[ndarray, ...]]:
    reset = sigmoid(w.W[0] @ stacked(c, x) + w.b[0])
    update = sigmoid(w.W[1] @ stacked(c, x) + w.b[1])
    candidate = np.tanh(w.W[2] @ stacked(reset * c, x) + w.b[2])
    c = update * candidate + (1 - update) * c
    return c, (c,)


def gru(w: Weights, x: ndarray, c: ndarray) -> tuple[ndarray, tuple[ndarray, ...]]:
    """The rows of the weights are those of z = 1 − Γu."""
    reset = sigmoid(w.W[0] @ stacked(c, x) + w.b[0])
    update = 1 - sigmoid(w.W[1] @ stacked(c, x) + w.b[1])
    candidate = np.tanh(w.W_x[2] @ x + w.b_x[2] + reset * (w.W_h[2] @ c + w.b_h[2]))
    c = update * candidate + (1 - update) * c
    return c, (c,)


def lstm(w: Weights, x: ndarray, a: ndarray, c: ndarray) -> tuple[ndarray, tuple[ndarray, ...]]:
    update, forget, candidate, output = (W @ stacked(a, x) + b for W, b in zip(w.W, w.b, strict=True))
    c = sigmoid(update) * np.tanh(candidate) + sigmoid(forget) * c
    a = sigmoid(output) * np.tanh(c)
    return a, (a, c)


def mingru(w: Weights, x: ndarray, h: ndarray) -> tuple[ndarray, tuple[ndarray, ...]]:
    z = sigmoid(w.W_x[0] @ x + w.b_x[0])
    h = (1 - z) * h + z * (w.W_x[1] @ x + w.b_x[1])
    return h, (h,)


def minlstm(w: Weights, x: ndarray, h: ndarray) -> tuple[ndarray, tuple[ndarray, ...]]:
    f, i = sigmoid(w.W_x[0] @ x + w.b_x[0]), sigmoid(w.W_x[1] @ x + w.b_x[1])
    h = f / (f + i) * h + i / (f + i) * (w.W_x[2] @ x + w.b_x[2])
    return h, (h,)


EQUATIONS: dict[str, Callable[..., tuple[ndarray, tuple[ndarray, ...]]]]
EQUATIONS = {
    "rnn": rnn,
    "jordan": jordan,
    "gru-simple": gru_simple,
    "gru-cho": gru_cho,
    "gru": gru,
    "lstm": lstm,
    "mingru": mingru,
    "minlstm": minlstm,
}


ACTIVATIONS: dict[str, Function] = {
    "tanh": np.tanh,
    "relu": lambda a: np.maximum(a, 0),
    "sigmoid": sigmoid,
    "identity": lambda a: a,
}


@pytest.mark.parametrize(
    ("name", "activation"),
    [(name, None) for name in names("nn.cells")] + [(name, g) for name in ("rnn", "jordan") for g in ACTIVATIONS],
)
def test_a_cell_follows_its_equation(name: str, activation: str | None) -> None:
    """The equation is that of theory.md: five units, four inputs, seven steps from a state that is not zero."""
    torch.manual_seed(0)
    cell = find(Cell, name)(4, 5, activation).double()
    g = {"g": ACTIVATIONS[activation]} if activation else {}
    for parameter in cell.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    x, state = torch.randn(7, 1, 4, dtype=torch.float64), tuple(map(torch.randn_like, cell.zero_state(1)))
    outputs, last = cell.recur(cell.project(x), state)
    weights, now = Weights(cell), tuple(part[0].numpy() for part in state)
    for t in range(7):
        expected, now = EQUATIONS[name](weights, x[t, 0].numpy(), *now, **g)
        np.testing.assert_allclose(outputs[t, 0].detach(), expected, rtol=1e-12, atol=1e-14)
    for part, numbers in zip(last, now, strict=True):
        np.testing.assert_allclose(part[0].detach(), numbers, rtol=1e-12, atol=1e-14)


def sigma(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def one_unit(cell: Cell, weights: dict[str, list[float]], x: float, *state: float) -> list[float]:
    """Return the state after one step of a cell of one unit; W_x, W_h and b have one number per gate."""
    tensors = {"weight_ih": torch.tensor(weights["W_x"])[:, None], "bias_ih": torch.tensor(weights["b"])}
    if "W_h" in weights:
        tensors |= {"weight_hh": torch.tensor(weights["W_h"])[:, None], "bias_hh": torch.zeros(len(weights["b"]))}
    cell.double().load_state_dict(tensors)
    before = tuple(torch.tensor([[part]], dtype=torch.float64) for part in state)
    output, after = cell.step(cell.project(torch.tensor([[x]], dtype=torch.float64)), before)
    assert output is after[0]
    return [part.item() for part in after]


def test_a_gru_unit_updates_by_one_minus_z() -> None:
    """theory.md's Γu is the share that is updated, and torch's z the share that is kept: Γu = σ(−pre-activation of z).

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


def test_a_unit_of_the_simplified_gru_follows_its_equation() -> None:
    """x = 2, c = 0.5: Γu = σ(1 − 0.25 − 0.25) = 0.6225, c̃ = tanh(1 + 0.5 + 0.25) = 0.9414.

    c = 0.6225 · 0.9414 + 0.3775 · 0.5 = 0.7747.
    """
    weights = {"W_x": [0.5, 0.5], "W_h": [-0.5, 1.0], "b": [-0.25, 0.25]}
    found = one_unit(SimpleGRU(1, 1), weights, 2.0, 0.5)
    assert found == pytest.approx([sigma(0.5) * math.tanh(1.75) + sigma(-0.5) * 0.5], rel=1e-12)
    assert found == pytest.approx([0.7747], abs=1e-4)


def test_a_unit_of_chos_gru_updates_by_its_gate() -> None:
    """x = 2, c = 0.5: Γr = σ(0.25 + 0.125 + 0.125) = 0.6225, Γu = σ(1 − 0.25 − 0.25) = 0.6225.

    c̃ = tanh(1 + 0.25 + 0.6225 · 0.5) = 0.9157 and c = 0.6225 · 0.9157 + 0.3775 · 0.5 = 0.7587.
    """
    weights = {"W_x": [0.125, 0.5, 0.5], "W_h": [0.25, -0.5, 1.0], "b": [0.125, -0.25, 0.25]}
    candidate = math.tanh(1.25 + sigma(0.5) * 0.5)
    found = one_unit(ChoGRU(1, 1), weights, 2.0, 0.5)
    assert found == pytest.approx([sigma(0.5) * candidate + sigma(-0.5) * 0.5], rel=1e-12)
    assert found == pytest.approx([0.7587], abs=1e-4)


@pytest.mark.parametrize(("bias", "expected"), [(-40.0, -0.3), (40.0, math.tanh(5 - 0.3))])
def test_a_simplified_gru_with_a_closed_update_gate_remembers(bias: float, expected: float) -> None:
    """Γu is the share that is updated: nearly 0 for a negative bias, nearly 1 for a positive one."""
    found = one_unit(SimpleGRU(1, 1), {"W_x": [1.0] * 2, "W_h": [1.0] * 2, "b": [bias, 0.0]}, 5.0, -0.3)
    assert found == pytest.approx([expected])


def test_a_unit_of_the_mingru_follows_its_equation() -> None:
    """x = 2, h = 0.5: z = σ(1 − 0.5) = 0.6225, h̃ = 3, and the new h is 0.3775 · 0.5 + 0.6225 · 3 = 2.0562."""
    found = one_unit(MinGRU(1, 1), {"W_x": [0.5, 1.5], "b": [-0.5, 0.0]}, 2.0, 0.5)
    assert found == pytest.approx([sigma(-0.5) * 0.5 + sigma(0.5) * 3], rel=1e-12)
    assert found == pytest.approx([2.0562], abs=1e-4)


def test_a_unit_of_the_minlstm_follows_its_equation() -> None:
    """x = 2, h = 0.5: f = σ(0.5) = 0.6225, i = σ(0) = 0.5, so f' = 0.5546 and i' = 0.4454; h̃ = 3.

    The new h is 0.5546 · 0.5 + 0.4454 · 3 = 1.6136.
    """
    f, i = sigma(0.5), sigma(0.0)
    found = one_unit(MinLSTM(1, 1), {"W_x": [0.25, 0.0, 1.5], "b": [0.0] * 3}, 2.0, 0.5)
    assert found == pytest.approx([f / (f + i) * 0.5 + i / (f + i) * 3], rel=1e-12)
    assert found == pytest.approx([1.6136], abs=1e-4)


@pytest.mark.parametrize(
    ("f", "i", "expected"), [(-1000, -1000, 0.5), (-1000, -1001, sigma(1)), (-1001, -1000, sigma(-1))]
)
def test_two_gates_of_a_minlstm_too_small_for_a_float_still_share(f: float, i: float, expected: float) -> None:
    """Both gates are about e^-1000, which is 0 as a float, but their quotient is e^±1. The state 1 is scaled by f'."""
    found = one_unit(MinLSTM(1, 1), {"W_x": [f, i, 0.0], "b": [0.0] * 3}, 1.0, 1.0)
    assert found == pytest.approx([expected], rel=1e-12)


def test_a_jordan_unit_gets_back_the_distribution_it_put_out() -> None:
    """With two tokens: x = 2, o = (1/4, 3/4), h = tanh(0.5 · 2 + 1/4 − 3/4 − 0.25) = 0.2449.

    The logits 2 h and 0 make the next o = (σ(2 h), σ(−2 h)) = (0.6201, 0.3799).
    """
    readout = torch.nn.Linear(1, 2).double()
    readout.load_state_dict({"weight": torch.tensor([[2.0], [0.0]]), "bias": torch.zeros(2)})
    cell = Jordan(1, 1, context=LayerContext(vocabulary=2, logits=readout.forward)).double()
    cell.load_state_dict(
        {
            "weight_ih": torch.tensor([[0.5]]),
            "weight_hh": torch.tensor([[1.0, -1.0]]),
            "bias_ih": torch.tensor([-0.25]),
            "bias_hh": torch.zeros(1),
        }
    )
    before = torch.tensor([[0.25, 0.75]], dtype=torch.float64)
    output, (after,) = cell.step(cell.project(torch.tensor([[2.0]], dtype=torch.float64)), (before,))
    assert output.item() == pytest.approx(math.tanh(0.25), rel=1e-12)
    assert after[0].tolist() == pytest.approx([0.6201, 0.3799], abs=1e-4)


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
    x = torch.tensor([1.0, 2, 3, 4, 5]).view(5, 1, 1)
    outputs, _ = cell.recur(cell.project(x), cell.zero_state(1))
    assert outputs.sum(dim=-1).flatten().tolist() == [1, 3, 6, 9, 12]
