"""Gradient norms against known values and finite differences, and the output of `charlm gradients`."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Outcome

import charlm
from charlm.analysis.gradients import GradientNorms, clipping, gradient_norms
from charlm.analysis.initialization import fresh_network, initializations
from charlm.nn.cells import Cell
from charlm.nn.network import Network
from charlm.registry import find, names

Run = Callable[..., Outcome]
V = 9
SHAPE = charlm.ModelConfig(sequence="stream", embedding_size=4, hidden_size=6, layers=1, dropout=0.0)
ROW = np.random.default_rng(0).integers(3, V, 24).astype(np.int32)
TEXT = "the cats, which already ate the fish, were full; the cat, which ate, was too"


def network(cell: str, **shape: object) -> Network:
    torch.manual_seed(1)
    return Network(replace(SHAPE, cell=cell, **shape), V)


# the measure


def test_in_a_linear_network_the_norm_is_a_power_of_the_weight() -> None:
    """∂h<t>/∂h<t-k> is W_h to the power k; for W_h = w I that is w^k for every text."""
    for weight in (0.5, 1.0, 1.5):
        linear = network("rnn", activation="identity")
        linear.cells[0].weight_hh.data = weight * torch.eye(6)
        found = gradient_norms(linear, [ROW], 12)
        assert found.distance == list(range(1, 13)) and found.targets == 12
        assert [norm / found.norm[0] for norm in found.norm] == pytest.approx([weight**k for k in range(12)])
        assert found.rate == pytest.approx(weight)
        assert found.verdict == {0.5: "vanishes", 1.0: "carries", 1.5: "explodes"}[weight]


@pytest.mark.parametrize("shape", [{}, {"layers": 2, "residual": True}], ids=["one layer", "two layers"])
@pytest.mark.parametrize("cell", names("nn.cells"))
def test_the_norm_is_that_of_finite_differences(cell: str, shape: dict[str, object]) -> None:
    """Move the state before the last k tokens a little, number by number, c of an LSTM included."""
    made = network(cell, **shape)
    row = ROW[:6]
    found = gradient_norms(made, [row], 5)
    assert found.targets == 1
    double = made.double()
    ids = torch.from_numpy(row.astype(np.int64))[:, None]
    step = 1e-5
    for k in (1, 2, 4):
        with torch.no_grad():
            state = double(ids[: 5 - k])[1]
            parts = [part for layer in state for part in layer]
            squares = 0.0
            for part in parts:
                for place in range(part.shape[1]):
                    losses = []
                    for sign in (1, -1):
                        part[0, place] += sign * step
                        logits, _ = double(ids[5 - k : 5], state)
                        losses.append(-torch.log_softmax(logits[-1, 0], 0)[row[5]].item())
                        part[0, place] -= sign * step
                    squares += ((losses[0] - losses[1]) / (2 * step)) ** 2
        assert found.norm[k - 1] == pytest.approx(squares**0.5, rel=1e-5, abs=1e-9)


def test_the_network_is_not_changed() -> None:
    made = network("gru")
    before = {name: value.clone() for name, value in made.state_dict().items()}
    made.train()
    gradient_norms(made, [ROW], 5)
    clipping(made, [ROW], 1.0)
    assert made.training and all(each.requires_grad and each.grad is None for each in made.parameters())
    assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())


def test_a_token_that_cannot_be_predicted_is_not_a_target() -> None:
    made = network("gru")
    made.allowed_tokens[ROW[5]] = False
    possible = [t for t in range(5, len(ROW)) if ROW[t] != ROW[5]]
    assert len(possible) < len(ROW) - 5
    assert gradient_norms(made, [ROW], 5).targets == len(possible)


def test_short_lines_are_read_together() -> None:
    """The longest row sets the largest distance; each row starts from a zero state."""
    made = network("lstm")
    found = gradient_norms(made, [ROW[:4], ROW[4:10], ROW[10:16]], 50)
    assert found.distance == [1, 2, 3, 4, 5] and found.targets == 2
    one, other = (np.array(gradient_norms(made, [row], 5).norm) for row in (ROW[4:10], ROW[10:16]))
    assert found.norm == pytest.approx(np.minimum(one, other))  # torch's median of two


# the initializations


@pytest.mark.parametrize("cell", names("nn.cells"))
def test_each_initialization_matches_its_name(cell: str) -> None:
    kind = find(Cell, cell)
    found = [start.name for start in initializations(cell)]
    assert len(set(found)) == len(found) == 7 if kind.forget_gate and hasattr(kind, "torch_weights") else 3
    for start in initializations(cell):
        (made,) = fresh_network(replace(SHAPE, cell=cell), V, start, seed=3).cells
        if start.matrix == "orthogonal":
            for gate in made.weight_hh.chunk(made.gates):
                gram = gate @ gate.t() if gate.shape[0] <= gate.shape[1] else gate.t() @ gate
                torch.testing.assert_close(gram, start.scale**2 * torch.eye(len(gram)), rtol=0, atol=1e-4)
        if start.matrix == "uniform":
            assert 0.3 < made.weight_hh.abs().max() <= 6**-0.5


@pytest.mark.parametrize("cell", [name for name in names("nn.cells") if find(Cell, name).forget_gate])
def test_a_forget_bias_keeps_the_state(cell: str) -> None:
    """At 20 the state (c of an LSTM) is kept; minLSTM keeps f / (f + i) of it, here 2/3. At -20 it is not kept."""
    block, sign = find(Cell, cell).forget_gate
    kept = []
    for bias in (-20.0, 20.0):
        made = network(cell).cells[0]
        made.bias_ih.data.chunk(made.gates)[block].fill_(sign * bias)
        state = tuple(torch.full((1, 6), 0.3, requires_grad=True) for _ in range(made.state_tensors))
        _, after = made.step(made.project(torch.zeros(1, 4)), state)
        kept += torch.autograd.grad(after[-1].sum(), state[-1])
    assert torch.allclose(kept[1], torch.full((1, 6), 2 / 3 if cell == "minlstm" else 1.0), atol=1e-4)
    assert (kept[0] - kept[1]).abs().max() > 0.1


def test_the_gates_carry_what_the_plain_network_loses() -> None:
    long = np.random.default_rng(0).integers(3, V, 100).astype(np.int32)

    def verdicts(cell: str) -> dict[str, str]:
        shape = replace(SHAPE, cell=cell, hidden_size=64, embedding_size=32)
        return {
            start.name: gradient_norms(fresh_network(shape, V, start, 0), [long], 20).verdict
            for start in initializations(cell)
        }

    plain = verdicts("rnn")
    assert plain["uniform"] == "vanishes" and plain["orthogonal × 4"] == "explodes"
    for cell in ("lstm", "gru"):
        found = verdicts(cell)
        assert found["uniform, forget bias 0"] == "vanishes" and found["uniform, forget bias 5"] == "carries"
    assert verdicts("mingru") == {"forget bias 0": "vanishes", "forget bias 1": "vanishes", "forget bias 5": "carries"}


def test_a_gradient_of_zeros_vanishes() -> None:
    found = GradientNorms([1, 2], [0.0, 0.0], 1)
    assert found.rate is None and found.verdict == "vanishes"


def test_a_gradient_that_overflows_explodes() -> None:
    """4 to the power 600 overflows, and so does the state."""
    linear = network("rnn", activation="identity")
    linear.cells[0].weight_hh.data = 4 * torch.eye(6)
    found = gradient_norms(linear, [np.resize(ROW, 700)], 600)
    assert found.rate == np.inf and found.verdict == "explodes"


def test_clipping_scales_a_gradient_down_and_never_up() -> None:
    for bound in (0.01, 1e6):
        found = clipping(network("gru"), [ROW], bound)
        assert found.clipped == pytest.approx(min(found.gradient, bound), rel=1e-4)
    made = network("gru").double()
    logits, _ = made(torch.from_numpy(ROW.astype(np.int64))[:-1, None])
    torch.nn.functional.cross_entropy(logits[:, 0], torch.from_numpy(ROW.astype(np.int64))[1:]).backward()
    squares = sum(each.grad.square().sum().item() for each in made.parameters() if each.grad is not None)
    assert found.gradient == pytest.approx(squares**0.5)


# the command


def test_json_has_a_curve_for_each_initialization(run: Run) -> None:
    done = run("gradients", "--json", "--cell", "rnn", "--cell", "lstm", "--hidden-size=8", "--distance=9", TEXT)
    values = [json.loads(line) for line in done.out.splitlines()]
    assert done.err == ""
    assert [(each["cell"], each["start"]) for each in values] == [
        (cell, start.name) for cell in ("rnn", "lstm") for start in initializations(cell)
    ]
    for each in values:
        assert each["distance"] == list(range(1, 10)) and len(each["norm"]) == 9
        assert set(each) == {"cell", "start", "distance", "norm"}


def test_a_trained_model_is_compared_with_fresh_ones_of_its_shape(run: Run, line_folder: Path) -> None:
    done = run("gradients", "--json", "-m", line_folder, "the cats slept")
    values = [json.loads(line) for line in done.out.splitlines()]
    assert [each["start"] for each in values] == ["trained", *(start.name for start in initializations("gru"))]
    assert values[0]["distance"][-1] == len("the cats slept") + 1, "after the start, and the end is predicted too"
    assert len({each["norm"][0] for each in values}) == len(values)


def test_the_plot_fits_the_width_and_is_explained(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    shown = run("gradients", "--cell", "rnn", TEXT, "--distance", "13").out
    assert max(map(len, shown.splitlines())) <= 60
    assert "vanishes: a, b;" in shown and "explodes: c;" in shown
    drawn = [line.partition("|")[2] for line in shown.splitlines() if "|" in line]
    starts_at = {mark: next(row for row, line in enumerate(drawn) if mark in line) for mark in "abc"}
    assert starts_at["c"] < starts_at["a"] and drawn[starts_at["c"]].endswith("c"), "c climbs"
    assert set([line for line in drawn if line.strip()][-1]) == {" ", "a"}, "a sinks below all others"
    assert re.search(r"^ {8}1( +\d+)* +13$", shown, re.MULTILINE), "the last number is whole"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--cell", "rnn", "a"], "longer text"),
        (["--cell", "rnn", ""], "longer text"),
        (["--cell", "rmn", "abcd"], "'rnn'"),
        (["--cell", "gru", "--activation", "relu", "abcd"], "relu"),
        (["--cell", "rnn", "-m", "x", "abcd"], "--model or --cell"),
        (["--layers", "2", "abcd"], "--layers"),
        (["--distance", "1", "--cell", "rnn", "abcd"], "distance"),
        (["--cell", "rnn", "abcd", "--file", "x"], "not both"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(run: Run, arguments: list[str], words: str) -> None:
    refused = run("gradients", *arguments)
    assert (refused.code, refused.out) == (2, "")
    (line,) = refused.err.splitlines()
    assert line.startswith("error: ") and words in line
