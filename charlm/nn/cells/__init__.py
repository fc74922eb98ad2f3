"""The contract of a recurrent cell. Letters: T time, B batch, E input width, H hidden, V vocabulary, G = gates · H.

A cell is two moves. `project` is everything that does not depend on the state: one matrix product for all T at once.
`recur` is what goes on over time: `step` after `step`, or a faster way to the same. Tensors are time-major, so that
each step reads and writes one contiguous block. State is an argument and a result, a tuple of tensors (B, ·); nothing
is remembered inside.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import pairwise
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from charlm.errors import ConfigError, UnknownNameError
from charlm.nn.native import fused
from charlm.nn.native.fused import Lookup, Projected
from charlm.nn.scan import scan

State = tuple[Tensor, ...]
Activation = Callable[[Tensor], Tensor]

# What g may be, in the order of recurrence.h.
ACTIVATIONS: dict[str, Activation] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "identity": torch.clone,
}


def activation_called(name: str) -> Activation:
    """Raises UnknownNameError where g has no such form."""
    if name not in ACTIVATIONS:
        raise UnknownNameError(f"no activation is named {name!r}; there are: {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]


class Place(NamedTuple):
    """Where in a network a cell stands: what one has to know to which the output comes back."""

    residual: bool = False  # its input is added to what it puts out
    vocabulary: int | None = None  # V, for the last layer
    logits: Callable[[Tensor], Tensor] | None = None  # what that puts out (B, H) → the network's logits (B, V)


class Cell(nn.Module, ABC):
    """Made with (E, H); an activation by name, or None for the cell's own; and its place.

    Raises ConfigError or UnknownNameError for an activation it does not have.
    """

    weight_ih: nn.Parameter  # W_x (G, E)
    bias_ih: nn.Parameter  # b (G,)
    gates: ClassVar[int]  # blocks of H rows in the weights
    parts: ClassVar[int] = 1  # tensors in the state
    rate_beside_gru: ClassVar[float] = 1.0  # how much more learning rate it takes than a GRU of its width
    keeping: ClassVar[tuple[int, int] | None] = None  # block of the gate that keeps the state, and 1, or -1 if closed
    loop: fused.Loop | None = None  # the compiled loop that does the same

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        activation: str | None = None,
        place: Place = Place(),  # noqa: B008  # it cannot change
    ) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.state_size = self.returned_size(place)
        self.use_activation(activation)
        self.make_weights(self.gates * hidden_size, input_size)
        self.initialize()

    def returned_size(self, place: Place) -> int:
        """Width of the state."""
        return self.hidden_size

    def use_activation(self, name: str | None) -> None:
        """Take the activation by name; None is the cell's own. Raises ConfigError where there is no choice."""
        if name is not None:
            raise ConfigError(f"activation {name!r} has no place in this cell: only rnn and jordan let you choose one")

    @abstractmethod
    def make_weights(self, rows: int, input_size: int) -> None:
        """All of them, the biases 0."""

    def initialize(self) -> None:
        """Draw the weights."""
        nn.init.uniform_(self.weight_ih, -(self.hidden_size**-0.5), self.hidden_size**-0.5)

    def project(self, x: Tensor, operands: torch.dtype = torch.float32) -> Tensor:
        """W_x x + b: (..., E) → (..., G), of type `operands`."""
        if operands == torch.bfloat16:
            return fused.linear(x, self.weight_ih, self.bias_ih)
        return functional.linear(x, self.weight_ih, self.bias_ih)

    def opened(self, projected: Tensor, before: Tensor) -> dict[str, Tensor]:
        """How far each gate is open, from 0 to 1, by its name in the equation: projected input (..., G) and the output
        of the step before (..., H) → (..., H) each. Empty for a cell without gates."""
        return {}

    @abstractmethod
    def step(self, projected: Tensor, state: State) -> tuple[Tensor, State]:
        """One time step: projected input (B, G) and state → the output (B, H) and the next state."""

    def recur(
        self,
        projected: Projected,
        state: State,
        keep: Tensor | None = None,
        operands: torch.dtype = torch.float32,
    ) -> tuple[Tensor, State]:
        """All steps: (T, B, G) and state → outputs (T, B, H) and the last state.

        `keep` (T, B, 1) is 0 where the state is zeroed before a step, so that a new sequence starts there, else 1.
        `operands` is the type of the products' factors: bfloat16 only where the compiled loops have it.
        """
        return self.unroll(projected, state, keep)

    def unroll(self, projected: Projected, state: State, keep: Tensor | None = None) -> tuple[Tensor, State]:
        """`recur` step by step in plain torch, on any device and in any precision: what faster ways are held to."""
        outputs = []
        for t, now in enumerate(self.dense(projected).unbind(0)):
            if keep is not None:
                state = tuple(part * keep[t] for part in state)
            output, state = self.step(now, state)
            outputs.append(output)
        return torch.stack(outputs), state

    def dense(self, projected: Projected) -> Tensor:
        """Projected input written out, (T, B, G), in the precision of the weights."""
        return projected.dense() if isinstance(projected, Lookup) else projected.to(self.weight_ih.dtype)

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
        """Where a sequence starts: zeros."""
        return tuple(self.weight_ih.new_zeros(batch_size, self.state_size) for _ in range(self.parts))


class Looped(Cell):
    """A cell that multiplies what comes back by W_h at every step, so that one step waits for the other.

    Weights have torch.nn's names, shapes and gate order, so that they copy over.
    """

    weight_hh: nn.Parameter  # W_h (G, H)
    bias_hh: nn.Parameter  # b' (G,)

    def make_weights(self, rows: int, input_size: int) -> None:
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size))
        self.weight_hh = nn.Parameter(torch.empty(rows, self.state_size))
        self.bias_ih = nn.Parameter(torch.zeros(rows))
        self.bias_hh = nn.Parameter(torch.zeros(rows))

    def initialize(self) -> None:
        super().initialize()
        for block in self.weight_hh.data.chunk(self.gates):  # the norm of the state survives a step
            nn.init.orthogonal_(block)

    def all_weights(self) -> list[Tensor]:
        """In the order of torch.nn."""
        return [self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh]

    def recur(
        self, projected: Projected, state: State, keep: Tensor | None = None, operands: torch.dtype = torch.float32
    ) -> tuple[Tensor, State]:
        if self.loop and fused.fits(projected, self.hidden_size):
            return fused.recur(self.loop, projected, self.weight_hh, self.bias_hh, state, keep, operands)
        return self.unroll(projected, state, keep)


class Scanned(Cell):
    """A cell whose share that stays and whose addition depend on the input alone: no product waits for a step.

    h<t> = stays<t> * h<t-1> + added<t>
    """

    rate_beside_gru = 2.0

    def make_weights(self, rows: int, input_size: int) -> None:
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size))
        self.bias_ih = nn.Parameter(torch.zeros(rows))

    @abstractmethod
    def coefficients(self, projected: Tensor) -> tuple[Tensor, Tensor]:
        """Projected input (..., G) → what stays, between 0 and 1, and what is added: (..., H) each."""

    def step(self, projected: Tensor, state: State) -> tuple[Tensor, State]:
        stays, added = self.coefficients(projected)
        h = torch.addcmul(added, stays, state[0])
        return h, (h,)

    def recur(
        self, projected: Projected, state: State, keep: Tensor | None = None, operands: torch.dtype = torch.float32
    ) -> tuple[Tensor, State]:
        stays, added = self.coefficients(self.dense(projected))
        outputs = scan(stays if keep is None else stays * keep, added, state[0])
        return outputs, (outputs[-1],)
