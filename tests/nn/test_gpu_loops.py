"""Compare the loops of a GPU with the steps of the cells, on any machine: plain torch stands in for the fused steps."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from charlm.nn import gpu_loops
from charlm.nn.cells import RecurrentCell
from charlm.registry import find

T, B, H, E = 7, 3, 5, 4


def gru(projected: Tensor, recurrent: Tensor, c: Tensor) -> Tensor:
    r, z = torch.sigmoid(projected[:, : 2 * H] + recurrent[:, : 2 * H]).chunk(2, dim=1)
    return torch.lerp(torch.tanh(projected[:, 2 * H :] + r * recurrent[:, 2 * H :]), c, z)


def lstm(projected: Tensor, recurrent: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    i, f, g, o = (projected + recurrent).chunk(4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def gru_backward(grad: Tensor, saved: Tensor, has_bias: bool) -> tuple[Any, ...]:
    with torch.enable_grad():
        given = [each.detach().requires_grad_() for each in saved.split([3 * H, 3 * H, H], dim=1)]
        return (*torch.autograd.grad(gru(*given), given, grad), None, None)


def lstm_backward(grad: Tensor, grad_c: Tensor, c: Tensor, _: Tensor, sums: Tensor, has_bias: bool) -> tuple[Any, ...]:
    with torch.enable_grad():
        given = tuple(each.detach().requires_grad_() for each in (sums, c))
        return (*torch.autograd.grad(lstm(given[0], torch.zeros_like(sums), given[1]), given, (grad, grad_c)), None)


OPERATIONS = SimpleNamespace(
    _thnn_fused_gru_cell=lambda *given: (gru(*given), torch.cat(given, dim=1)),
    _thnn_fused_gru_cell_backward=gru_backward,
    _thnn_fused_lstm_cell=lambda projected, recurrent, c: (*lstm(projected, recurrent, c), projected + recurrent),
    _thnn_fused_lstm_cell_backward_impl=lstm_backward,
)


@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_outputs_and_gradients_are_those_of_the_steps(name: str, resets: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_loops, "_ops", OPERATIONS)
    torch.manual_seed(1)
    cell = find(RecurrentCell, name)(E, H).double()  # type: ignore[type-abstract]
    assert cell.fused_step
    for parameter in cell.parameters():
        torch.nn.init.normal_(parameter)
    projected = torch.randn(T, B, cell.gates * H).double().requires_grad_()
    state = tuple(torch.randn(B, H).double().requires_grad_() for _ in range(cell.state_tensors))
    mask = (torch.rand(T, B, 1) < 0.7).double() if resets else None
    given = [projected, *state, cell.weight_hh, cell.bias_hh]
    results = []
    for outputs, last in (
        cell.unroll(projected, state, mask),
        gpu_loops.loop(cell.fused_step, projected, cell.weight_hh, cell.bias_hh, state, mask),
    ):
        weighted = (outputs**2).sum() + sum((part**3).sum() for part in last)
        results.append([outputs, *last, *torch.autograd.grad(weighted, given)])
    for expected, found in zip(*results, strict=True):
        torch.testing.assert_close(found, expected)
