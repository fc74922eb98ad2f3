"""The steps of a GRU and an LSTM on a GPU, with three operations each, forward and backward.

torch's fused operations compute all gates of a step. The gradient of W_h is one product for all steps, after the last.
Python would take longer to start these operations than the GPU takes to compute them, so they run inside a graph.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

State = tuple[Tensor, ...]
_ops = torch.ops.aten


class FusedStep(ABC):
    """A step of a cell: what follows the products with W_x and W_h."""

    @staticmethod
    @abstractmethod
    def forward(projected: Tensor, recurrent: Tensor, state: State) -> tuple[State, tuple[Tensor, ...]]:
        """Return the next state, and what `backward` needs, from W_x x<t> + b, W_h h<t-1> + b' and the state."""

    @staticmethod
    @abstractmethod
    def backward(grads: State, saved: Sequence[Tensor]) -> tuple[Tensor, Tensor, State]:
        """Return the gradients of both sums, and of the state apart from W_h, from those of the next state."""


class FusedGRU(FusedStep):
    """The step of a GRU, whose state is c."""

    @staticmethod
    def forward(projected: Tensor, recurrent: Tensor, state: State) -> tuple[State, tuple[Tensor, ...]]:
        c, saved = _ops._thnn_fused_gru_cell(projected, recurrent, state[0])
        return (c,), (saved,)

    @staticmethod
    def backward(grads: State, saved: Sequence[Tensor]) -> tuple[Tensor, Tensor, State]:
        projected, recurrent, direct, *_ = _ops._thnn_fused_gru_cell_backward(grads[0], saved[0], False)
        return projected, recurrent, (direct,)


class FusedLSTM(FusedStep):
    """The step of an LSTM, whose state is (a, c)."""

    @staticmethod
    def forward(projected: Tensor, recurrent: Tensor, state: State) -> tuple[State, tuple[Tensor, ...]]:
        a, c, gates = _ops._thnn_fused_lstm_cell(projected, recurrent, state[1])
        return (a, c), (state[1], c, gates)

    @staticmethod
    def backward(grads: State, saved: Sequence[Tensor]) -> tuple[Tensor, Tensor, State]:
        before, c, saved_gates = saved
        gates, direct, *_ = _ops._thnn_fused_lstm_cell_backward_impl(*grads, before, c, saved_gates, False)
        return gates, gates, (torch.zeros_like(grads[0]), direct)


def loop(
    step: type[FusedStep],
    projected: Tensor,
    weight: Tensor,
    bias: Tensor,
    state: State,
    carry_mask: Tensor | None = None,
) -> tuple[Tensor, State]:
    """Compute `Cell.recur` of a cell: (T, B, G) and the state → outputs (T, B, H) and last state."""
    outputs, *last = _Loop.apply(step, carry_mask, projected, weight, bias, *state)  # type: ignore[no-untyped-call]
    return outputs, tuple(last)


class _Loop(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        step: type[FusedStep],
        carry_mask: Tensor | None,
        projected: Tensor,
        weight: Tensor,
        bias: Tensor,
        *state: Tensor,
    ) -> tuple[Tensor, ...]:
        operands: list[Tensor] = []
        saved: list[Tensor] = []
        outputs: list[Tensor] = []
        for t, sums in enumerate(projected.unbind()):
            if carry_mask is not None:
                state = tuple(part * carry_mask[t] for part in state)
            operands.append(state[0])
            state, kept = step.forward(sums, torch.addmm(bias, state[0], weight.t()), state)
            saved += kept
            outputs.append(state[0])
        ctx.step, ctx.steps = step, len(operands)
        ctx.save_for_backward(carry_mask, weight, *operands, *saved)
        return (torch.stack(outputs), *state)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_outputs: Tensor, *grads: Tensor) -> tuple[Tensor | None, ...]:
        carry_mask, weight, *rest = ctx.saved_tensors
        steps = ctx.steps
        operands, saved = rest[:steps], rest[steps:]
        kept = len(saved) // steps  # tensors of a step
        projected: list[Tensor] = [grad_outputs] * steps
        recurrent: list[Tensor] = [grad_outputs] * steps
        grads = (grads[0] + grad_outputs[-1], *grads[1:])
        for t in reversed(range(steps)):
            projected[t], recurrent[t], direct = ctx.step.backward(grads, saved[t * kept : (t + 1) * kept])
            first = torch.addmm(direct[0], recurrent[t], weight)
            others: list[Tensor] = list(direct[1:])
            if carry_mask is not None:
                others = [each * carry_mask[t] for each in others]
            if t and carry_mask is not None:
                first = torch.addcmul(grad_outputs[t - 1], first, carry_mask[t])
            elif t:
                first = first + grad_outputs[t - 1]
            elif carry_mask is not None:
                first = first * carry_mask[0]
            grads = first, *others
        sums = torch.stack(recurrent).flatten(0, 1)  # (T B, G)
        grad_projected = (
            sums.view(steps, *projected[0].shape) if projected[0] is recurrent[0] else torch.stack(projected)
        )
        grad_weight = sums.t() @ torch.stack(operands).flatten(0, 1)
        return (None, None, grad_projected, grad_weight, sums.sum(0), *grads)
