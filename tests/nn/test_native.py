"""Compare the compiled loops with plain torch in float64, for every instruction set of this processor."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from conftest import Outcome
from torch import Tensor

from charlm.compiled import VARIABLE
from charlm.config import ModelConfig
from charlm.generation.compiled import CompiledDraws, fits
from charlm.generation.drawing import TorchDraws, draws
from charlm.generation.samplers import chain
from charlm.nn.cells import Cell, LinearRecurrentCell, State
from charlm.nn.native import fused
from charlm.nn.native.library import VARIANTS, library, multiplies_bfloat16, path_in_use
from charlm.nn.network import Network
from charlm.nn.readouts.adaptive import Adaptive
from charlm.registry import find, names

pytestmark = pytest.mark.skipif(library() is None, reason="no C compiler where charlm was installed")
Run = Callable[..., Outcome]
CELLS: list[tuple[str, str | None]] = [(name, None) for name in names("nn.cells") if find(Cell, name).loop]
CELLS += [("rnn", activation) for activation in ("tanh", "relu", "sigmoid", "identity")]

LINEAR = [cell for cell in CELLS if issubclass(find(Cell, cell[0]), LinearRecurrentCell)]
BOUNDED = [cell for cell in CELLS if cell not in LINEAR and cell[1] not in ("relu", "identity")]


def gradients(cell: Cell, way: str, x: Tensor, state: State, keep: Tensor | None, weights: Tensor) -> list[Tensor]:
    """Return outputs, last state, and the gradients of input, state and parameters for a loss that uses all outputs."""
    cell.zero_grad()
    x = x.clone().requires_grad_()
    state = tuple(part.clone().requires_grad_() for part in state)
    outputs, last = getattr(cell, way)(cell.project(x), state, keep)
    loss = (outputs * weights).sum() + sum((part * (index + 1)).sum() for index, part in enumerate(last))
    wanted = [x, *state, *cell.parameters()]
    return [outputs.detach(), *(part.detach() for part in last), *torch.autograd.grad(loss, wanted)]


@pytest.mark.parametrize("embedding", ["learned", "one-hot"])
def test_ids_of_int32_give_the_same_logits(embedding: str) -> None:
    sizes = ModelConfig(embedding=embedding, embedding_size=8, hidden_size=16, layers=2, dropout=0.0)
    network = Network(sizes, 40).eval()
    ids = torch.randint(40, (12, 4))
    assert fused.fits(network.embedding.project(ids, cast(Cell, network.cells[0])))
    with torch.no_grad():
        torch.testing.assert_close(network(ids.int())[0], network(ids)[0])


@pytest.mark.parametrize("wrong", [-1, 40])
def test_an_id_outside_of_the_vocabulary_is_refused(wrong: int) -> None:
    network = Network(ModelConfig(embedding_size=8, hidden_size=16, layers=2, dropout=0.0), 40)
    ids = torch.full((12, 4), 7)
    ids[4, 1] = wrong
    with pytest.raises(IndexError, match=f"no token {wrong}; ids go from 0 to 39"):
        network(ids)


@pytest.mark.parametrize(("name", "activation"), CELLS)
@pytest.mark.parametrize(("T", "B", "H"), [(9, 3, 16), (8, 1, 32), (20, 11, 80), (4, 2, 1), (5, 7, 13), (6, 6, 50)])
@pytest.mark.parametrize("resets", [False, True])
def test_values_and_gradients_are_those_of_float64(
    variant: str, name: str, activation: str | None, T: int, B: int, H: int, resets: bool
) -> None:
    torch.manual_seed(T + B)
    single = find(Cell, name)(5, H, activation)
    double = find(Cell, name)(5, H, activation).double()
    double.load_state_dict(single.state_dict())
    x, weights = torch.randn(T, B, 5), torch.randn(T, B, H)
    state = tuple(torch.randn(B, H) for _ in range(single.state_tensors))
    keep = (torch.rand(T, B, 1) > 0.2).float() if resets else None
    assert fused.fits(single.project(x))
    found = gradients(single, "recur", x, state, keep, weights)
    exact = gradients(
        double,
        "unroll",
        x.double(),
        tuple(part.double() for part in state),
        None if keep is None else keep.double(),
        weights.double(),
    )
    for mine, theirs in zip(found, exact, strict=True):
        scale = max(1.0, float(theirs.abs().max()))  # of sums over all steps, whose rounding grows with them
        torch.testing.assert_close(mine.double(), theirs, rtol=0, atol=3e-6 * scale)


@pytest.mark.skipif(not multiplies_bfloat16(), reason="this processor does not multiply bfloat16")
@pytest.mark.parametrize("looked_up", [False, True])
@pytest.mark.parametrize(("name", "activation"), CELLS)
@pytest.mark.parametrize(("T", "B", "H"), [(9, 3, 16), (20, 11, 80), (20, 7, 13), (6, 6, 50)])
@pytest.mark.parametrize("resets", [False, True])
def test_bfloat16_rounds_the_factors_and_nothing_else(
    name: str, activation: str | None, T: int, B: int, H: int, resets: bool, looked_up: bool
) -> None:
    """Values and gradients stay near those of float64: a factor has 8 bits, and the errors of many average out."""
    torch.manual_seed(T)
    cell = find(Cell, name)(5, H, activation)
    for weight in cell.parameters():
        weight.data *= 0.5  # the identity does not saturate
    keep = (torch.rand(T, B, 1) > 0.2).float() if resets else None
    state = tuple(torch.randn(B, H) for _ in range(cell.state_tensors))
    weights = torch.randn(T, B, H)
    ids, vectors = torch.randint(0, 7, (T, B)), torch.randn(7, 5)

    def found(compute_dtype: torch.dtype) -> list[Tensor]:
        cell.zero_grad()
        table = vectors.clone().requires_grad_()
        x = table[ids] if not looked_up else table
        projected = cell.project(x, torch.float32 if looked_up else compute_dtype)
        first = tuple(part.clone().requires_grad_() for part in state)
        outputs, last = cell.recur(fused.Lookup(ids, projected) if looked_up else projected, first, keep, compute_dtype)
        assert outputs.dtype == torch.float32
        loss = (outputs * weights).sum() + sum(part.sum() for part in last)
        return [outputs.detach(), *torch.autograd.grad(loss, [table, *first, *cell.parameters()])]

    for rough, exact in zip(found(torch.bfloat16), found(torch.float32), strict=True):
        assert rough.dtype == torch.float32
        assert (rough - exact).norm() < 0.1 * exact.norm()  # relu may switch a unit off
        assert torch.equal(rough, exact) == (looked_up and isinstance(cell, LinearRecurrentCell))  # no product rounds


@pytest.mark.parametrize(("name", "activation"), CELLS)
@pytest.mark.parametrize("width", [16, 13])
def test_a_nan_comes_through(variant: str, name: str, activation: str | None, width: int) -> None:
    """A NaN stays in its row of the batch, also where the last block of units is not full."""
    cell = find(Cell, name)(4, width, activation)
    x = torch.zeros(10, 2, 4)
    x[3, 0, 0] = torch.nan
    outputs, _ = cell.recur(cell.project(x), cell.zero_state(2))
    assert outputs[3:, 0].isnan().any(dim=1).all()
    assert outputs[:, 1].isfinite().all()
    assert outputs[:3].isfinite().all()


@pytest.mark.parametrize(("name", "activation"), BOUNDED)
def test_saturated_gates_stay_finite(variant: str, name: str, activation: str | None) -> None:
    cell = find(Cell, name)(4, 16, activation)
    outputs, _ = cell.recur(cell.project(torch.full((10, 2, 4), 1e6)), cell.zero_state(2))
    assert (outputs.abs() <= 1.0).all()


@pytest.mark.parametrize("width", [48, 50])
def test_the_number_of_threads_does_not_change_a_bit(width: int) -> None:
    cell = find(Cell, "gru")(4, width)
    projected = torch.randn(12, 5, 3 * width)
    threads = torch.get_num_threads()
    found = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            found.append(cell.recur(projected, cell.zero_state(5))[0])
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


@pytest.mark.parametrize("embedding", [*names("nn.embeddings"), "tied"])
@pytest.mark.parametrize(("name", "activation"), CELLS)
@pytest.mark.parametrize(("rows", "width"), [(1, 27), (5, 32), (19, 40)])
def test_draws_are_those_of_torch(
    variant: str, name: str, activation: str | None, embedding: str, rows: int, width: int
) -> None:
    """Compare every token and the logits that it was drawn from, also after some rows have left the batch."""
    torch.manual_seed(rows)
    table: dict[str, Any] = {"embedding": embedding, "embedding_size": 6}
    if embedding == "tied":
        table = {"tie_weights": True}
    shape = ModelConfig(cell=name, activation=activation, hidden_size=width, layers=3, dropout=0.0, **table)
    network = Network(shape, 21)
    network.eval().allowed_tokens[1] = False
    for cell in network.cells:
        cell.weight_ih.data *= 2  # so that it matters what was read
    torch.nn.init.normal_(network.readout.bias)  # and no two symbols are equally likely
    samplers = chain({"temperature": 0.9, "top_k": 17, "top_p": 0.9})
    with torch.inference_mode():
        logits, state = torch.randn(rows, 21), network.zero_state(rows)
        plain = TorchDraws(network, samplers, logits, state, torch.empty(rows, 0, dtype=torch.long), end=-1)
        fast = CompiledDraws(network, samplers, logits, state, end=-1)
        for steps in (1, 7, 4):
            chances = torch.rand(steps, rows, dtype=torch.double)
            for mine, theirs in zip(fast(chances), plain(chances), strict=True):
                torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=2e-5)
            if rows == 19:
                rows = 2
                plain.keep(torch.tensor([13, 0]))
                fast.keep(torch.tensor([13, 0]))


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
@pytest.mark.parametrize("shortlist", [None, 1, 9, 20])
def test_draws_from_groups_are_those_of_torch(variant: str, shortlist: int | None, closed: bool) -> None:
    """Also where nothing in the last group can occur."""
    torch.manual_seed(0)
    shape = ModelConfig(
        hidden_size=40, layers=2, dropout=0.0, embedding_size=6, readout="adaptive", shortlist=shortlist
    )
    network, rows = Network(shape, 21).eval(), 5
    allowed = torch.arange(21) != 1
    counts = torch.randint(100, (21,))
    network.set_output_statistics(allowed, counts)
    readout = cast(Adaptive, network.readout)
    for parameter in readout.parameters():
        torch.nn.init.normal_(parameter)
    if closed:
        allowed &= readout.places < readout.groups[-1][0]
        network.set_output_statistics(allowed, counts)
    with torch.inference_mode():
        logits, state = torch.randn(rows, 21), network.zero_state(rows)
        plain = TorchDraws(network, [], logits, state, torch.empty(rows, 0, dtype=torch.long), end=-1)
        assert fits(network, [])
        fast = CompiledDraws(network, [], logits, state, end=-1)
        for steps in (1, 7, 4):
            chances = torch.rand(steps, rows, dtype=torch.double)
            (mine, my_logits), (theirs, their_logits) = fast(chances), plain(chances)
            assert mine.equal(theirs) and allowed[mine[1:]].all()
            torch.testing.assert_close(my_logits, their_logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 0.0},
        {"temperature": 1e-30},
        {"temperature": 3.0},
        {"top_k": 1},
        {"top_k": 4},
        {"top_k": 999},
        {"top_p": 1e-9},
        {"top_p": 0.6},
        {"top_p": 1.0},
        {"temperature": 0.5, "top_k": 9, "top_p": 0.8},
    ],
)
def test_compiled_samplers_are_those_of_torch(variant: str, settings: dict[str, float]) -> None:
    """Include tokens that are equally likely, and tokens that are impossible."""
    network = Network(ModelConfig(embedding_size=4, hidden_size=16, layers=1, dropout=0.0), 13).eval()
    logits = torch.randn(200, 13)
    logits[:, 3], logits[:50, 5], logits[:, 6] = -torch.inf, logits[:50].amax(1), logits[:, 7]
    samplers = chain(settings)
    history = torch.empty(200, 0, dtype=torch.long)
    with torch.inference_mode():
        plain = TorchDraws(network, samplers, logits, network.zero_state(200), history, end=-1)
        fast = CompiledDraws(network, samplers, logits, network.zero_state(200), end=-1)
        chances = torch.rand(1, 200, dtype=torch.double)
        mine, theirs = fast(chances)[0][0], plain(chances)[0][0]
    tied = torch.stack([logits.gather(1, each[:, None])[:, 0] for each in (mine, theirs)])
    assert ((mine == theirs) | (tied[0] == tied[1])).all()  # which of equals is kept is not promised
    assert (mine == theirs).float().mean() > 0.7


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"residual": True},
        {"readout_layers": 2},
        *({"cell": name} for name in names("nn.cells") if (name, None) not in CELLS and name != "rnn"),
    ],
    ids=str,
)
def test_what_the_loops_do_not_know_is_drawn_by_torch(settings: dict[str, Any]) -> None:
    """Check that each token is drawn from the network's logits after the tokens before it."""
    torch.manual_seed(0)
    network = Network(
        ModelConfig(**{"embedding_size": 4, "hidden_size": 16, "layers": 2, "dropout": 0.0, **settings}), 9
    )
    start = torch.zeros(1, 3, dtype=torch.long)
    with torch.inference_mode():
        logits, state = network.eval()(start)
        on = draws(network, [], logits[0], state, torch.empty(3, 0, dtype=torch.long), end=-1)
        assert isinstance(on, TorchDraws if settings else CompiledDraws)
        symbols, drawn_from = on(torch.rand(6, 3, dtype=torch.double))
        expected, _ = network(torch.cat((start, symbols[:-1])))
    torch.testing.assert_close(drawn_from, expected, rtol=1e-4, atol=1e-5)


def test_a_draw_pauses_when_more_than_a_quarter_of_the_rows_have_ended() -> None:
    network = Network(ModelConfig(embedding_size=4, hidden_size=16, layers=1, dropout=0.0), 5).eval()
    network.readout.weight.data.zero_()
    network.readout.bias.data = torch.tensor([0.0, 0.0, 0.0, 0.0, 0.0])
    logits, state = torch.zeros(8, 5), network.zero_state(8)
    chances = torch.full((6, 8), 0.9, dtype=torch.double)  # symbol 4
    chances[0, 1] = chances[2, :2] = chances[3, 5] = chances[4, 6] = 0.5  # symbol 2, the end
    with torch.inference_mode():
        for on in (
            CompiledDraws(network, [], logits, state, end=2),
            TorchDraws(network, [], logits, state, torch.empty(8, 0, dtype=torch.long), end=2),
        ):
            symbols, drawn_from = on(chances)
            assert len(symbols) == len(drawn_from) == 4
            assert (symbols == 2).any(dim=0).nonzero().flatten().tolist() == [0, 1, 5]


def test_importing_charlm_leaves_denormals_alone() -> None:
    program = (
        "import charlm.nn.native.fused as f, numpy as np; f.library(); print(np.float32(1e-38) * np.float32(0.1) > 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_a_variable_of_the_environment_forces_a_variant(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    best = path_in_use()
    for name in VARIANTS:
        monkeypatch.setenv(VARIABLE, name)
        library.cache_clear()
        outcome = run("info", "--system", "--json")
        if outcome.code == 2:  # this processor does not have it
            assert outcome.err.count("\n") == 1 and f"{VARIABLE} is {name!r}" in outcome.err and best in outcome.err
            continue
        shown = "torch" if name == "none" else name
        assert json.loads(outcome.out)["recurrence"] == f"{shown} (set by {VARIABLE})"
        assert multiplies_bfloat16() == (name == "bf16")
    monkeypatch.setenv(VARIABLE, "sse9")
    library.cache_clear()
    assert (
        "CHARLM_NATIVE is 'sse9'; it must be bf16, avx512, avx2, baseline, none, or unset"
        in run("info", "--system").err
    )
    monkeypatch.undo()
    library.cache_clear()
    assert path_in_use() == best
