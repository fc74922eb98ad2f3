"""A recurrence over time as one node of autograd, its loops in C; the same numbers as `Cell.unroll` but for rounding.

The gradient of the weights is one product over all steps at the end (backpropagation through time, unrolled by hand).
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from charlm.nn.native.library import BLOCK, library, run

_SHORTEST = 3  # steps; a shorter loop is not worth packing the weights for


class Loop(NamedTuple):
    """Which loops of recurrence.c a cell runs on, and what they keep for their way back."""

    name: str
    saved: int  # blocks of H numbers a step kept from forward for backward
    memory: bool = False  # a second part of the state (c of an LSTM)
    apart: bool = False  # W_h h + b enters the gates otherwise than W_x x + b (gru), so its gradient differs
    activation: int = 0  # of rnn


class Lookup(NamedTuple):
    """W_x x + b of symbols, not yet written out: row `ids` (T, B) of `table` (V, G)."""

    ids: Tensor
    table: Tensor

    def dense(self) -> Tensor:
        """(T, B, G)"""
        return functional.embedding(self.ids, self.table)


Projected = Tensor | Lookup  # W_x x + b of all steps, (T, B, G)


def fits(projected: Projected, hidden_size: int) -> bool:
    """Whether the compiled loops can take these tensors, and are worth it."""
    steps, values = (projected.ids, projected.table) if isinstance(projected, Lookup) else (projected, projected)
    return (
        values.device.type == "cpu"
        and values.dtype in (torch.float32, torch.bfloat16)
        and steps.shape[0] >= _SHORTEST
        and hidden_size % BLOCK == 0
        and library() is not None
    )


def recur(
    loop: Loop,
    projected: Projected,
    weight: Tensor,
    bias: Tensor,
    state: tuple[Tensor, ...],
    keep: Tensor | None,
    operands: torch.dtype,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """`Cell.recur` on a CPU: (T, B, G) and state → outputs (T, B, H) and the last state, in float32.

    operands: type of the factors of the products, float32 or bfloat16.
    """
    ids, values = projected if isinstance(projected, Lookup) else (None, projected.to(operands))
    outputs, memory = _Recurrence.apply(  # type: ignore[no-untyped-call]
        loop, operands, ids, values, weight, bias, keep, *state
    )
    return outputs, (outputs[-1], memory) if loop.memory else (outputs[-1],)


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        loop: Loop,
        operands: torch.dtype,
        ids: Tensor | None,
        values: Tensor,
        weight: Tensor,
        bias: Tensor,
        keep: Tensor | None,
        *state: Tensor,
    ) -> tuple[Tensor, Tensor | None]:
        B, H = state[0].shape
        T = (values if ids is None else ids).shape[0]
        output = _after(state[0], T)
        memory = _after(state[1], T) if loop.memory else None
        saved = output.new_empty(T, B, loop.saved * H) if any(ctx.needs_input_grad) and loop.saved else None
        factors = output if operands == torch.float32 else torch.empty_like(output, dtype=operands)
        keep = None if keep is None else keep.contiguous()
        weight = weight.contiguous()
        ids = None if ids is None else ids.contiguous()
        run(
            f"{loop.name}_forward",
            T,
            B,
            H,
            loop.activation,
            **_projected(ids, values.contiguous()),
            weight=weight,
            bias=bias,
            keep=keep,
            output=output,
            operands=factors,
            memory=memory,
            saved=saved,
            packed=torch.empty_like(weight, dtype=operands),
            scratch=torch.empty_like(factors[0]),
        )
        ctx.loop, ctx.table_size = loop, None if ids is None else len(values)
        ctx.save_for_backward(ids, weight, keep, output, factors, memory, saved)
        return output[1:], None if memory is None else memory[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor, grad_memory: Tensor | None) -> tuple[Tensor | None, ...]:
        loop: Loop = ctx.loop
        ids, weight, keep, output, factors, memory, saved = ctx.saved_tensors
        T, B, H = grad_output.shape
        carry = output.new_zeros(B, H)
        carry_memory = (
            None if memory is None else output.new_zeros(B, H) if grad_memory is None else grad_memory.clone()
        )
        grad_recurrent = factors.new_empty(T, B, weight.shape[0])
        grad_table = None if ids is None else output.new_zeros(ctx.table_size, weight.shape[0])
        grad_bias = output.new_zeros(weight.shape[0])
        grad_projected = torch.empty_like(grad_recurrent) if loop.apart and ids is None else None
        run(
            f"{loop.name}_backward",
            T,
            B,
            H,
            loop.activation,
            ids=ids,
            weight=weight,
            keep=keep,
            output=output,
            memory=memory,
            saved=saved,
            packed=torch.empty_like(weight, dtype=factors.dtype),
            grad_output=grad_output.contiguous(),
            carry=carry,
            carry_memory=carry_memory,
            grad_projected=grad_projected,
            grad_table=grad_table,
            grad_recurrent=grad_recurrent,
            grad_bias=grad_bias,
        )
        before = factors[:-1] if keep is None else factors[:-1] * keep.to(factors.dtype)
        flat = grad_recurrent.flatten(0, 1)  # (T·B, G)
        grad_weight = (flat.t() @ before.flatten(0, 1)).float()
        grad_values = grad_table if ids is not None else grad_recurrent if grad_projected is None else grad_projected
        states = [carry, carry_memory] if loop.memory else [carry]
        return (None, None, None, grad_values, grad_weight, grad_bias, None, *states)


def _projected(ids: Tensor | None, values: Tensor) -> dict[str, Tensor]:
    return {"projected": values} if ids is None else {"ids": ids, "table": values}


def _after(state: Tensor, steps: int) -> Tensor:
    """(T + 1, B, H), the state at 0, the rest for the loop to fill."""
    buffer = state.new_empty(steps + 1, *state.shape)
    buffer[0] = state
    return buffer


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        x, weight = x.bfloat16(), weight.bfloat16()
        ctx.save_for_backward(x, weight)
        return functional.linear(x, weight, bias.bfloat16())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        grad_x = (grad_output @ weight).float() if ctx.needs_input_grad[0] else None
        flat = grad_output.flatten(0, -2)
        grad_weight = (flat.t() @ x.flatten(0, -2)).float()
        return grad_x, grad_weight, (flat.new_ones(1, len(flat)) @ flat)[0].float()  # sum() is many times slower


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """W x + b of float32 tensors by products of bfloat16, in bfloat16; their gradients are float32."""
    result: Tensor = _Linear.apply(x, weight, bias)  # type: ignore[no-untyped-call]
    return result
