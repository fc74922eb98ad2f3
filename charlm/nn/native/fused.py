"""A recurrence over time as one node of autograd, with its loops in C: `Cell.unroll` up to rounding.

The backward loop computes the gradient of each step's pre-activations. The gradient of the weights is then one product
over all steps, which is much faster than a product for each step.

Letters: T time, B batch, H hidden, G = gates · H, V vocabulary.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from charlm.nn.native.library import library, packing, run

_MIN_STEPS = 3  # in fewer steps the loop does not regain the time that packing the weights takes


class Loop(NamedTuple):
    """The loops of recurrence.c for a cell, and what forward saves for backward."""

    name: str
    saved: int  # blocks of H numbers that forward saves at each step
    memory: bool = False  # whether the state has a second tensor (c of an LSTM)
    apart: bool = False  # whether W_h h + b and W_x x + b have different gradients (gru multiplies the first by Γr)
    gated: bool = False  # whether the last block of W_h multiplies Γr * h in place of h
    activation: int = 0  # number of the activation of rnn in recurrence.h


class Lookup(NamedTuple):
    """The projected input as a look-up, not yet written out: rows `ids` (T, B) of `table` (V, G)."""

    ids: Tensor
    table: Tensor

    def dense(self) -> Tensor:
        """Return the projected input as a tensor: (T, B, G)."""
        return functional.embedding(self.ids, self.table)

    def checked_ids(self) -> Tensor:
        """Return the ids as the compiled loops read them, in int64. Raises IndexError for an id without a row."""
        if self.ids.numel():
            low, high = map(int, self.ids.aminmax())
            if low < 0 or high >= len(self.table):
                wrong = low if low < 0 else high
                raise IndexError(f"the vocabulary has no token {wrong}; ids go from 0 to {len(self.table) - 1}")
        return self.ids.long().contiguous()


Projected = Tensor | Lookup  # the projected input W_x x + b of all steps, (T, B, G)


def fits(projected: Projected) -> bool:
    """Return whether the compiled loops can take these tensors and are faster than torch."""
    steps, values = (projected.ids, projected.table) if isinstance(projected, Lookup) else (projected, projected)
    return (
        values.device.type == "cpu"
        and values.dtype in (torch.float32, torch.bfloat16)
        and steps.shape[0] >= _MIN_STEPS
        and library() is not None
    )


def recur(
    loop: Loop,
    projected: Projected,
    weight: Tensor | None,
    bias: Tensor | None,
    state: tuple[Tensor, ...],
    carry_mask: Tensor | None,
    compute_dtype: torch.dtype,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Compute `Cell.recur` on a CPU: (T, B, G) and state → outputs (T, B, H) and last state, in float32.

    weight, bias: W_h and its bias, or None for a cell without them. `compute_dtype`, float32 or bfloat16, is the type
    of the factors of the products; sums are float32.
    """
    if isinstance(projected, Lookup):
        ids, values = projected.checked_ids(), projected.table
    else:
        ids, values = None, projected.to(compute_dtype)
    outputs, memory = _Recurrence.apply(  # type: ignore[no-untyped-call]
        loop, compute_dtype, ids, values, weight, bias, carry_mask, *state
    )
    return outputs, (outputs[-1], memory) if loop.memory else (outputs[-1],)


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        loop: Loop,
        compute_dtype: torch.dtype,
        ids: Tensor | None,
        values: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        carry_mask: Tensor | None,
        *state: Tensor,
    ) -> tuple[Tensor, Tensor | None]:
        B, H = state[0].shape
        T = (values if ids is None else ids).shape[0]
        gates = values.shape[-1] // H
        output = _state_buffer(state[0], T)
        memory = _state_buffer(state[1], T) if loop.memory else None
        saved = output.new_empty(T, B, loop.saved * H) if any(ctx.needs_input_grad) and loop.saved else None
        # The states as factors of the products. In float32 they are the outputs themselves.
        factors = output if compute_dtype == torch.float32 else torch.empty_like(output, dtype=compute_dtype)
        gated = factors.new_empty(1 if saved is None else T, B, H) if loop.gated else None
        carry_mask = None if carry_mask is None else carry_mask.contiguous()
        weight = None if weight is None else weight.contiguous()
        run(
            f"{loop.name}_forward",
            T,
            B,
            H,
            compute_dtype,
            loop.activation,
            **_projected(ids, values.contiguous()),
            weight=weight,
            bias=bias,
            keep=carry_mask,
            output=output,
            operands=factors,
            memory=memory,
            saved=saved,
            packed=None if weight is None else packing(weight, gates, compute_dtype),
            scratch=torch.empty_like(factors[0]),
            gated=gated,
        )
        ctx.loop, ctx.gates, ctx.table_size = loop, gates, None if ids is None else len(values)
        ctx.save_for_backward(ids, weight, carry_mask, output, factors, memory, saved, gated)
        return output[1:], None if memory is None else memory[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor, grad_memory: Tensor | None) -> tuple[Tensor | None, ...]:
        loop: Loop = ctx.loop
        ids, weight, carry_mask, output, factors, memory, saved, gated = ctx.saved_tensors
        T, B, H = grad_output.shape
        G = ctx.gates * H
        carry = output.new_zeros(B, H)
        carry_memory = torch.empty_like(carry) if loop.gated else None
        if memory is not None:
            carry_memory = torch.zeros_like(carry) if grad_memory is None else grad_memory.clone()
        grad_recurrent = grad_bias = grad_weight = None
        if weight is not None:
            grad_recurrent, grad_bias = factors.new_empty(T, B, G), output.new_zeros(G)
        grad_table = None if ids is None else output.new_zeros(ctx.table_size, G)
        apart = loop.apart or weight is None
        grad_projected = factors.new_empty(T, B, G) if apart and ids is None else None
        run(
            f"{loop.name}_backward",
            T,
            B,
            H,
            factors.dtype,
            loop.activation,
            ids=ids,
            weight=weight,
            keep=carry_mask,
            output=output,
            memory=memory,
            saved=saved,
            packed=None if weight is None else packing(weight, ctx.gates, factors.dtype),
            grad_output=grad_output.contiguous(),
            carry=carry,
            carry_memory=carry_memory,
            grad_projected=grad_projected,
            grad_table=grad_table,
            grad_recurrent=grad_recurrent,
            grad_bias=grad_bias,
        )
        if grad_recurrent is not None:
            # One product over all steps and rows gives the gradient of W_h, from the states that each step multiplied.
            before = factors[:-1] if carry_mask is None else factors[:-1] * carry_mask.to(factors.dtype)
            flat = grad_recurrent.flatten(0, 1)  # (T · B, G)
            if gated is None:
                grad_weight = (flat.t() @ before.flatten(0, 1)).float()
            else:
                parts = flat[:, :-H].t() @ before.flatten(0, 1), flat[:, -H:].t() @ gated.flatten(0, 1)
                grad_weight = torch.cat(parts).float()
        grad_values = grad_table if ids is not None else grad_recurrent if grad_projected is None else grad_projected
        states = [carry, carry_memory] if loop.memory else [carry]
        return (None, None, None, grad_values, grad_weight, grad_bias, None, *states)


def _projected(ids: Tensor | None, values: Tensor) -> dict[str, Tensor]:
    return {"projected": values} if ids is None else {"ids": ids, "table": values}


def _state_buffer(state: Tensor, steps: int) -> Tensor:
    """Return a buffer (T + 1, B, H) with the state at index 0; the loop fills the rest."""
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
        return grad_x, grad_weight, (flat.new_ones(1, len(flat)) @ flat)[0].float()  # flat.sum(0) is many times slower


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return W x + b in bfloat16 from float32 tensors, multiplied as bfloat16. The gradients are float32."""
    result: Tensor = _Linear.apply(x, weight, bias)  # type: ignore[no-untyped-call]
    return result
