"""A linear recurrence h<t> = decay<t> * h<t-1> + added<t> over all t, as one node of autograd.

With `decay` between 0 and 1 nothing can overflow, and nothing is divided by a number that may underflow. The gradient
is the same recurrence, run from the last step to the first.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def scan(decay: Tensor, added: Tensor, initial: Tensor) -> Tensor:
    """Return the states (T, B, H) from `decay` and `added` (T, B, H) and the initial state (B, H)."""
    states: Tensor = _Scan.apply(decay, added, initial)  # type: ignore[no-untyped-call]
    return states


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, decay: Tensor, added: Tensor, initial: Tensor) -> Tensor:
        if use_sequential(added):
            states = torch.empty_like(added)
            sequential_scan(decay, added, initial, states)
        else:
            states = parallel_scan(decay, added, initial)
        ctx.save_for_backward(decay, states, initial)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute d<t> = grad_states<t> + decay<t+1> * d<t+1>, the gradient of the loss by h<t> along every path.

        Then added<t> has the gradient d<t>, decay<t> has d<t> * h<t-1>, and the initial state has d<1> * decay<1>.
        """
        decay, states, initial = ctx.saved_tensors
        if use_sequential(grad_states):
            grad = torch.empty_like(states)
            grad[-1] = grad_states[-1]
            # The scan reads and writes from the end through lists of reversed views: nothing is copied.
            reversed_grad = grad[:-1].unbind()[::-1]
            sequential_scan(decay[1:].unbind()[::-1], grad_states[:-1].unbind()[::-1], grad_states[-1], reversed_grad)
        else:
            next_decay = torch.cat((decay[1:], torch.zeros_like(decay[:1])))  # nothing follows the last step
            grad = parallel_scan(next_decay.flip(0), grad_states.flip(0), torch.zeros_like(initial)).flip(0)
        return grad * torch.cat((initial[None], states[:-1])), grad, grad[0] * decay[0]


def use_sequential(like: Tensor) -> bool:
    """Return whether a loop over the steps is faster on the device of this tensor.

    It is on a CPU: each step fits into the cache, and the parallel scan does log2 T times as much work.
    """
    return like.device.type == "cpu"


def sequential_scan(decay: Iterable[Tensor], added: Iterable[Tensor], state: Tensor, into: Iterable[Tensor]) -> None:
    """Compute one step after the other, and write the states to `into`."""
    for decay_t, added_t, state_t in zip(decay, added, into, strict=True):
        state = torch.addcmul(added_t, decay_t, state, out=state_t)


def parallel_scan(decay: Tensor, added: Tensor, initial: Tensor) -> Tensor:
    """Compute all steps in log2 T rounds (Hillis & Steele 1986).

    Two consecutive steps make one step: h → b (a h + x) + y = (a b) h + (b x + y). Before each round, `decay` and
    `states` at t describe the last `reach` steps up to t; the round joins them with the `reach` steps before those.
    """
    decay, states = decay.clone(), added.clone()
    states[0] += decay[0] * initial
    reach = 1
    while reach < len(states):
        states[reach:] = torch.addcmul(states[reach:], decay[reach:], states[:-reach])
        decay[reach:] = decay[reach:] * decay[:-reach]
        reach *= 2
    return states
