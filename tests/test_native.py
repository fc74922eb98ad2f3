"""The compiled loops against plain torch in float64, for every instruction set this processor has."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from charlm.cells import Cell, State
from charlm.config import ModelConfig
from charlm.discover import find, names
from charlm.native import fused
from charlm.native.library import library
from charlm.native.stepping import CompiledSteps, TorchSteps
from charlm.network import Network

compiled = library()
pytestmark = pytest.mark.skipif(compiled is None, reason="no C compiler where charlm was installed")
VARIANTS = range(3)
CELLS = [(name, None) for name in names("cells") if name != "rnn"]
CELLS += [("rnn", activation) for activation in ("tanh", "relu", "sigmoid", "identity")]

BOUNDED = [cell for cell in CELLS if cell[1] not in ("relu", "identity")]


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run on one instruction set, and go back to the best afterwards."""
    assert compiled is not None
    if compiled.choose(request.param) != request.param:
        compiled.choose(-1)
        pytest.skip("this processor does not have it")
    yield compiled.name_of(request.param).decode()
    compiled.choose(-1)


def gradients(cell: Cell, way: str, x: Tensor, state: State, keep: Tensor | None, weights: Tensor) -> list[Tensor]:
    """Outputs, last state, and the gradients of input, state and parameters, of a loss that uses all of them."""
    cell.zero_grad()
    x = x.clone().requires_grad_()
    state = tuple(part.clone().requires_grad_() for part in state)
    outputs, last = getattr(cell, way)(cell.project(x), state, keep)
    loss = (outputs * weights).sum() + sum((part * (place + 1)).sum() for place, part in enumerate(last))
    wanted = [x, *state, *cell.parameters()]
    return [outputs.detach(), *(part.detach() for part in last), *torch.autograd.grad(loss, wanted)]


@pytest.mark.parametrize(("name", "activation"), CELLS)
@pytest.mark.parametrize(("T", "B", "H"), [(9, 3, 16), (8, 1, 32), (20, 11, 80)])
@pytest.mark.parametrize("resets", [False, True])
def test_values_and_gradients_are_those_of_float64(
    variant: str, name: str, activation: str | None, T: int, B: int, H: int, resets: bool
) -> None:
    torch.manual_seed(T + B)
    single = find(Cell, name)(5, H, activation)
    double = find(Cell, name)(5, H, activation).double()
    double.load_state_dict(single.state_dict())
    x, weights = torch.randn(T, B, 5), torch.randn(T, B, H)
    state = tuple(torch.randn(B, H) for _ in range(single.parts))
    keep = (torch.rand(T, B, 1) > 0.2).float() if resets else None
    assert fused.fits(single.project(x), H)
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


@pytest.mark.parametrize(("name", "activation"), CELLS)
def test_a_nan_comes_through(variant: str, name: str, activation: str | None) -> None:
    cell = find(Cell, name)(4, 16, activation)
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


def test_the_number_of_threads_does_not_change_a_bit() -> None:
    cell = find(Cell, "gru")(4, 48)
    projected = torch.randn(12, 5, 144)
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


@pytest.mark.parametrize("embedding", names("embeddings"))
@pytest.mark.parametrize(("name", "activation"), CELLS)
@pytest.mark.parametrize("rows", [1, 5])
def test_a_step_of_the_network_is_that_of_torch(
    variant: str, name: str, activation: str | None, embedding: str, rows: int
) -> None:
    torch.manual_seed(rows)
    shape = ModelConfig(
        cell=name, activation=activation, embedding=embedding, embedding_size=6, hidden_size=32, layers=3, dropout=0.0
    )
    network = Network(shape, 21).eval()
    network.predictable[1] = False
    state = network.zero_state(rows)
    with torch.inference_mode():
        plain, fast = TorchSteps(network, state), CompiledSteps(network, state)
        for step in range(8):
            symbols = torch.randint(0, 21, (rows,))
            torch.testing.assert_close(fast(symbols), plain(symbols), rtol=1e-5, atol=1e-5)
            if step == 4 and rows > 1:
                kept = torch.tensor([3, 0])
                plain.keep(kept)
                fast.keep(kept)
                rows = 2


def test_importing_charlm_leaves_denormals_alone() -> None:
    program = (
        "import charlm.native.fused as f, numpy as np; f.library(); print(np.float32(1e-38) * np.float32(0.1) > 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
