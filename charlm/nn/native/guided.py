"""Outputs changed by guesses as one node of autograd, with its loops in C.

Letters: N outputs, H hidden, V vocabulary.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from charlm.nn.native.library import Guide, guide, library


def fits(outputs: Tensor, table: Tensor) -> bool:
    """Return whether the compiled loops can take these tensors."""
    return outputs.device.type == "cpu" and outputs.dtype == table.dtype == torch.float32 and library() is not None


def guided(outputs: Tensor, tokens: Tensor, chances: Tensor, table: Tensor) -> Tensor:
    """Return the guided outputs (N, H) of outputs (N, H).

    tokens, chances: guesses (N, GUESSES) and their probabilities. table: S E[w] and F E[w] of each token, (V, 2 H).
    """
    if outputs.stride(1) != 1:
        outputs = outputs.contiguous()
    result: Tensor = _Guided.apply(outputs, tokens.contiguous(), chances.contiguous(), table)  # type: ignore[no-untyped-call]
    return result


class _Guided(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, outputs: Tensor, tokens: Tensor, chances: Tensor, table: Tensor) -> Tensor:
        table, result = table.contiguous(), torch.empty(outputs.shape)
        guide("guide_forward", _arguments(outputs, tokens, chances, table, guided=result.data_ptr()))
        ctx.save_for_backward(outputs, tokens, chances, table)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        gradient, table = gradient.contiguous(), ctx.saved_tensors[-1]
        of_outputs, of_table = torch.empty_like(gradient), torch.zeros_like(table)
        names = ("grad_guided", "grad_outputs", "grad_table")
        tensors = zip(names, (gradient, of_outputs, of_table), strict=True)
        addresses: dict[str, Any] = {name: each.data_ptr() for name, each in tensors}
        guide("guide_backward", _arguments(*ctx.saved_tensors, **addresses))
        return of_outputs, None, None, of_table


def _arguments(outputs: Tensor, tokens: Tensor, chances: Tensor, table: Tensor, **others: Any) -> Guide:
    N, H = outputs.shape
    tensors = {"outputs": outputs, "tokens": tokens, "chances": chances, "table": table}
    return Guide(
        N=N, H=H, stride=outputs.stride(0), **{name: each.data_ptr() for name, each in tensors.items()}, **others
    )
