"""A linear recurrence h<t> = stays<t> * h<t-1> + added<t> over all t, as one node of autograd.

With `stays` between 0 and 1 nothing here can overflow, and nothing is divided by what may underflow. The gradient is
the same recurrence, read from the end.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def scan(stays: Tensor, added: Tensor, first: Tensor) -> Tensor:
    """`stays` and `added` (T, B, H), and the state (B, H) before → the states (T, B, H)."""
    states: Tensor = _Scan.apply(stays, added, first)  # type: ignore[no-untyped-call]
    return states


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, stays: Tensor, added: Tensor, first: Tensor) -> Tensor:
        if in_steps(added):
            states = torch.empty_like(added)
            run(stays, added, first, states)
        else:
            states = doubled(stays, added, first)
        ctx.save_for_backward(stays, states, first)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        stays, states, first = ctx.saved_tensors
        if in_steps(above):
            grad = torch.empty_like(states)
            grad[-1] = above[-1]
            run(stays[1:].unbind()[::-1], above[:-1].unbind()[::-1], above[-1], grad[:-1].unbind()[::-1])
        else:
            later = torch.cat((stays[1:], torch.zeros_like(stays[:1])))
            grad = doubled(later.flip(0), above.flip(0), torch.zeros_like(first)).flip(0)
        return grad * torch.cat((first[None], states[:-1])), grad, grad[0] * stays[0]


def in_steps(like: Tensor) -> bool:
    """On a CPU a loop over the steps is faster: each fits into the cache, and there are no log2 T rounds."""
    return like.device.type == "cpu"


def run(stays: Iterable[Tensor], added: Iterable[Tensor], state: Tensor, into: Iterable[Tensor]) -> None:
    """One step after the other."""
    for stay, add, place in zip(stays, added, into, strict=True):
        state = torch.addcmul(add, stay, state, out=place)


def doubled(stays: Tensor, added: Tensor, first: Tensor) -> Tensor:
    """In log2 T rounds, each for all t at once: two stretches of steps side by side are one (Hillis & Steele 1986)."""
    stays, states = stays.clone(), added.clone()
    states[0] += stays[0] * first
    reach = 1
    while reach < len(states):
        states[reach:] = torch.addcmul(states[reach:], stays[reach:], states[:-reach])
        stays[reach:] = stays[reach:] * stays[:-reach]
        reach *= 2
    return states
