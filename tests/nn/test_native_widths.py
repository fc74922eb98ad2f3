"""Check that the compiled loops compute the same for every width and every number of rows, on every instruction set."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from charlm.nn.cells import Cell, RecurrentCell
from charlm.nn.native.library import library, multiplies_bfloat16
from charlm.registry import find, names

pytestmark = [
    pytest.mark.skipif(library() is None, reason="no C compiler where charlm was installed"),
    pytest.mark.parametrize("name", [name for name in names("nn.cells") if find(Cell, name).loop or name == "rnn"]),
]


@pytest.mark.parametrize("width", [32, 13])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_rows_of_a_batch_do_not_depend_on_their_number(
    variant: str, name: str, width: int, dtype: torch.dtype
) -> None:
    if dtype == torch.bfloat16 and not (variant == "avx512" and multiplies_bfloat16()):
        pytest.skip("these loops do not multiply bfloat16")
    cell = find(Cell, name)(4, width)
    projected, weights = torch.randn(5, 17, cell.gates * width, requires_grad=True), torch.randn(5, 17, width)

    def found(rows: int) -> tuple[Tensor, Tensor]:
        outputs, _ = cell.recur(projected[:, :rows], cell.zero_state(rows), None, dtype)
        (gradient,) = torch.autograd.grad((outputs * weights[:, :rows]).sum(), projected)
        return outputs.detach(), gradient[:, :rows]

    outputs, gradient = found(17)
    for rows in range(1, 17):
        some, some_gradient = found(rows)
        assert torch.equal(some, outputs[:, :rows])
        assert torch.equal(some_gradient, gradient[:, :rows])


@pytest.mark.parametrize("width", [1, 13, 50])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_width_computes_what_it_computes_inside_a_wider_one(
    variant: str, name: str, width: int, dtype: torch.dtype
) -> None:
    """Zeros that fill the width up to whole blocks, and the factors up to whole pairs, change no sum."""
    if dtype == torch.bfloat16 and not (variant == "avx512" and multiplies_bfloat16()):
        pytest.skip("these loops do not multiply bfloat16")
    cell, wider = find(Cell, name)(4, width), find(Cell, name)(4, 64)
    fill = (0, 64 - width)

    def widened(rows: Tensor) -> Tensor:  # (G, ·)
        return functional.pad(rows.unflatten(0, (cell.gates, width)), (0, 0, *fill)).flatten(0, 1)

    if isinstance(cell, RecurrentCell) and isinstance(wider, RecurrentCell):
        wider.weight_hh.data = functional.pad(widened(cell.weight_hh.data), fill)
        wider.bias_hh.data = widened(torch.randn(cell.gates * width, 1))[:, 0]
        cell.bias_hh.data = wider.bias_hh.data.unflatten(0, (cell.gates, 64))[:, :width].reshape(-1).contiguous()
    projected, weights = torch.randn(6, 11, cell.gates * width), torch.randn(6, 11, 64)
    widened_input = widened(projected.movedim(2, 0).flatten(1)).unflatten(1, (6, 11)).movedim(0, 2)

    def found(cell: Cell, projected: Tensor) -> list[Tensor]:
        projected = projected.contiguous().requires_grad_()
        outputs, _ = cell.recur(projected, cell.zero_state(11), None, dtype)
        (gradient,) = torch.autograd.grad((outputs * weights[..., : cell.hidden_size]).sum(), projected)
        return [outputs[..., :width].detach(), gradient.unflatten(2, (cell.gates, -1))[..., :width].flatten(2)]

    (mine, my_gradient), (theirs, their_gradient) = found(cell, projected), found(wider, widened_input)
    assert torch.equal(mine, theirs)
    if dtype == torch.bfloat16 and width % 2:  # a pair of factors may belong to two gates, and rounds once
        torch.testing.assert_close(my_gradient, their_gradient, rtol=2**-6, atol=2**-10)
    else:
        assert torch.equal(my_gradient, their_gradient)
