"""A recurrence over time as one node of autograd, its loops in C; the same numbers as `Cell.unroll` but for rounding.

The gradient of the weights is one product over all steps at the end (backpropagation through time, unrolled by hand).
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from charlm.native.library import BLOCK, library, run

_SHORTEST = 8  # steps; a shorter loop is not worth packing the weights for


class Loop(NamedTuple):
    """Which loops of recurrence.c a cell runs on, and what they keep for their way back."""

    name: str
    saved: int  # blocks of H numbers a step kept from forward for backward
    memory: bool = False  # a second part of the state (c of an LSTM)
    apart: bool = False  # W_h h + b enters the gates otherwise than W_x x + b (gru), so its gradient differs
    activation: int = 0  # of rnn


def fits(projected: Tensor, hidden_size: int) -> bool:
    """Whether the compiled loops can take these tensors, and are worth it."""
    return (
        projected.device.type == "cpu"
        and projected.dtype == torch.float32
        and projected.shape[0] >= _SHORTEST
        and hidden_size % BLOCK == 0
        and library() is not None
    )


def recur(
    loop: Loop, projected: Tensor, weight: Tensor, bias: Tensor, state: tuple[Tensor, ...], keep: Tensor | None
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """`Cell.recur` for float32 on a CPU: (T, B, G) and state → outputs (T, B, H) and the last state."""
    outputs, memory = _Recurrence.apply(  # type: ignore[no-untyped-call]
        loop, projected, weight, bias, keep, *state
    )
    return outputs, (outputs[-1], memory) if loop.memory else (outputs[-1],)


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, loop: Loop, projected: Tensor, weight: Tensor, bias: Tensor, keep: Tensor | None, *state: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        T, B, _ = projected.shape
        H = weight.shape[1]
        output = _after(state[0], T)
        memory = _after(state[1], T) if loop.memory else None
        saved = projected.new_empty(T, B, loop.saved * H) if any(ctx.needs_input_grad) and loop.saved else None
        keep = None if keep is None else keep.contiguous()
        weight = weight.contiguous()
        run(
            f"{loop.name}_forward",
            T,
            B,
            H,
            loop.activation,
            projected=projected.contiguous(),
            weight=weight,
            bias=bias,
            keep=keep,
            output=output,
            memory=memory,
            saved=saved,
            scratch=torch.empty_like(state[0]),
        )
        ctx.loop = loop
        ctx.save_for_backward(weight, keep, output, memory, saved)
        return output[1:], None if memory is None else memory[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor, grad_memory: Tensor | None) -> tuple[Tensor | None, ...]:
        loop: Loop = ctx.loop
        weight, keep, output, memory, saved = ctx.saved_tensors
        T, B, H = grad_output.shape
        carry = output.new_zeros(B, H)
        carry_memory = (
            None if memory is None else output.new_zeros(B, H) if grad_memory is None else grad_memory.clone()
        )
        grad_projected = output.new_empty(T, B, weight.shape[0])
        grad_recurrent = torch.empty_like(grad_projected) if loop.apart else grad_projected
        run(
            f"{loop.name}_backward",
            T,
            B,
            H,
            loop.activation,
            weight=weight,
            keep=keep,
            output=output,
            memory=memory,
            saved=saved,
            grad_output=grad_output.contiguous(),
            carry=carry,
            carry_memory=carry_memory,
            grad_projected=grad_projected,
            grad_recurrent=grad_recurrent,
        )
        before = output[:-1] if keep is None else output[:-1] * keep
        flat = grad_recurrent.flatten(0, 1)  # (T·B, G)
        grad_weight = flat.t() @ before.flatten(0, 1)
        return (None, grad_projected, grad_weight, flat.sum(0), None, carry, *([carry_memory] if loop.memory else []))


def _after(state: Tensor, steps: int) -> Tensor:
    """(T + 1, B, H), the state at 0, the rest for the loop to fill."""
    buffer = state.new_empty(steps + 1, *state.shape)
    buffer[0] = state
    return buffer
