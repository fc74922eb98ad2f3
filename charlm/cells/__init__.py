"""The contract of a recurrent cell. Letters: T time, B batch, E input width, H hidden, G = gates · H.

A cell is two moves. `project` is everything that does not depend on the state: one matrix product for all T at once.
`recur` is the loop over time: `step` after `step`, or the compiled loop of a cell that names one. Tensors are
time-major, so that each step reads and writes one contiguous block. State is an argument and a result, a tuple of
(B, H) tensors whose first is the output; nothing is remembered inside.
"""

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from charlm.errors import ConfigError
from charlm.native import fused
from charlm.native.fused import Lookup, Projected

State = tuple[Tensor, ...]


class Cell(nn.Module, ABC):
    """Weights have torch.nn's names, shapes and gate order, so that they copy over."""

    gates: ClassVar[int]  # blocks of H rows in the weights
    parts: ClassVar[int] = 1  # tensors in the state
    loop: fused.Loop | None = None  # the compiled loop that does the same

    def __init__(self, input_size: int, hidden_size: int, activation: str | None = None) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        rows = self.gates * hidden_size
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size))  # W_x
        self.weight_hh = nn.Parameter(torch.empty(rows, hidden_size))  # W_h
        self.bias_ih = nn.Parameter(torch.zeros(rows))
        self.bias_hh = nn.Parameter(torch.zeros(rows))
        self.use_activation(activation)
        nn.init.uniform_(self.weight_ih, -(hidden_size**-0.5), hidden_size**-0.5)
        for block in self.weight_hh.data.chunk(self.gates):  # the norm of the state survives a step
            nn.init.orthogonal_(block)

    def use_activation(self, name: str | None) -> None:
        """Take the activation by name; None is the cell's own. Raises ConfigError where there is no choice."""
        if name is not None:
            raise ConfigError(f"activation {name!r} has no place in this cell: only rnn lets you choose one")

    def all_weights(self) -> list[Tensor]:
        """In the order of torch.nn."""
        return [self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh]

    @abstractmethod
    def step(self, projected: Tensor, state: State) -> State:
        """One time step: projected input (B, G) and state → the next state, whose first part is the output."""

    def project(self, x: Tensor, operands: torch.dtype = torch.float32) -> Tensor:
        """W_x x + b: (..., E) → (..., G), of type `operands`."""
        if operands == torch.bfloat16:
            return fused.linear(x, self.weight_ih, self.bias_ih)
        return functional.linear(x, self.weight_ih, self.bias_ih)

    def recur(
        self,
        projected: Projected,
        state: State,
        keep: Tensor | None = None,
        operands: torch.dtype = torch.float32,
    ) -> tuple[Tensor, State]:
        """The loop over time: (T, B, G) and state → outputs (T, B, H) and the last state.

        `keep` (T, B, 1) is 0 where the state is zeroed before a step, so that a new sequence starts there, else 1.
        `operands` is the type of the products' factors: bfloat16 only where the compiled loops have it.
        """
        if self.loop and fused.fits(projected, self.hidden_size):
            return fused.recur(self.loop, projected, self.weight_hh, self.bias_hh, state, keep, operands)
        return self.unroll(projected, state, keep)

    def unroll(self, projected: Projected, state: State, keep: Tensor | None = None) -> tuple[Tensor, State]:
        """`recur` in plain torch, on any device and in any precision: what the compiled loops are held to."""
        outputs = []
        projected = projected.dense() if isinstance(projected, Lookup) else projected.to(self.weight_hh.dtype)
        for t, now in enumerate(projected.unbind(0)):
            if keep is not None:
                state = tuple(part * keep[t] for part in state)
            state = self.step(now, state)
            outputs.append(state[0])
        return torch.stack(outputs), state

    def layer(self, x: Tensor, state: State) -> tuple[Tensor, State] | None:
        """`project` and `recur` in one by torch's own layer, which cuDNN runs on a GPU: (T, B, E) and state → outputs
        and the last state; None for a cell it does not have."""
        return None

    def read(self, x: Tensor, state: State, keep: Tensor | None = None) -> tuple[Tensor, State]:
        """`project` and `recur` by `layer`, from one reset to the next."""
        cold = [] if keep is None else (keep == 0).flatten(1).any(dim=1).nonzero().flatten().tolist()
        outputs = []
        for first, last in pairwise(sorted({0, *cold, len(x)})):
            if keep is not None:
                state = tuple(part * keep[first] for part in state)
            found = self.layer(x[first:last], state)
            if found is None:
                return self.recur(self.project(x), state, keep)
            outputs.append(found[0])
            state = found[1]
        return torch.cat(outputs), state

    def zero_state(self, batch_size: int) -> State:
        """Where a sequence starts: zeros (B, H)."""
        return tuple(self.weight_hh.new_zeros(batch_size, self.hidden_size) for _ in range(self.parts))
