"""The contract of a recurrent cell.

Letters: T time, B batch, E input width, H hidden width, V vocabulary, G = gates · H. Tensors are time-major, so that
each step reads and writes one contiguous block.

A cell has two parts. `project` computes everything that does not depend on the state, with one matrix product for all T
at once. `recur` runs over time: `step` after `step`, or a faster computation of the same. The state is an argument and
a result, a tuple of tensors (B, ·); a cell stores none of it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from charlm import settings
from charlm.errors import ConfigError
from charlm.nn import gpu_loops
from charlm.nn.native import fused
from charlm.nn.native.fused import Lookup, Projected
from charlm.nn.scan import scan

State = tuple[Tensor, ...]
Activation = Callable[[Tensor], Tensor]

ACTIVATIONS: dict[str, Activation] = dict(
    zip(settings.ACTIVATIONS, (torch.tanh, torch.relu, torch.sigmoid, torch.clone), strict=True)
)


def find_activation(name: str) -> Activation:
    """Return the activation function with this name. Raises UnknownNameError."""
    settings.check_activation(name)
    return ACTIVATIONS[name]


class LayerContext(NamedTuple):
    """The surroundings of a layer, which a cell that feeds its output back (jordan) must know."""

    residual: bool = False  # whether the network adds the layer's input to its output
    vocabulary: int | None = None  # V, in the last layer only; of predicted numbers, how many each step has
    # Turns the last layer's output (B, H) into the network's logits (B, V). It is a bound method of the network, not a
    # closure: copy.deepcopy of the network then binds it to the copy.
    logits: Callable[[Tensor], Tensor] | None = None
    numbers: bool = False  # whether `logits` are predicted numbers, which are fed back unchanged


class Cell(nn.Module, ABC):
    """A recurrent layer with input width E and hidden width H.

    `activation` names g; None is the cell's own choice. Raises ConfigError or UnknownNameError for an activation that
    the cell does not have.
    """

    weight_ih: nn.Parameter  # W_x (G, E)
    bias_ih: nn.Parameter  # b (G,)
    gates: ClassVar[int]  # blocks of H rows in the weights
    state_tensors: ClassVar[int] = 1
    takes_activation: ClassVar[bool] = False  # whether `activation` may be chosen
    feeds_tokens_back: bool = False  # whether the state, and so each column of weight_hh, belongs to a token
    learning_rate_scale: ClassVar[float] = 1.0  # the cell's best learning rate over that of a GRU of the same width
    # The block of the gate that decides how much of the state survives a step, and the sign of the bias that makes the
    # state survive: -1 if the gate's value is the share that is replaced.
    forget_gate: ClassVar[tuple[int, int] | None] = None
    loop: fused.Loop | None = None  # the compiled loop that computes `recur`
    fused_step: type[gpu_loops.FusedStep] | None = None  # with which a loop computes `recur` on a GPU
    torch_function: Callable[..., tuple[Tensor, ...]] | None = None  # torch's own layer, such as torch.gru

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        activation: str | None = None,
        context: LayerContext = LayerContext(),  # noqa: B008  # a default that cannot change
    ) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.state_size = self.state_width(context)
        self.set_activation(activation)
        self.create_weights(self.gates * hidden_size, input_size)
        self.initialize()

    def state_width(self, context: LayerContext) -> int:
        """Return the width of each state tensor."""
        return self.hidden_size

    def set_activation(self, name: str | None) -> None:
        """Use the activation with this name, or the cell's own for None. Raises ConfigError if there is no choice."""
        if name is not None:
            raise ConfigError(f"activation is {name!r}, but this cell has none to choose")

    @abstractmethod
    def create_weights(self, rows: int, input_size: int) -> None:
        """Create the parameters: weights not initialized, biases 0."""

    def initialize(self) -> None:
        """Draw the initial weights."""
        nn.init.uniform_(self.weight_ih, -(self.hidden_size**-0.5), self.hidden_size**-0.5)

    def project(self, x: Tensor, compute_dtype: torch.dtype = torch.float32) -> Tensor:
        """Return W_x x + b: (..., E) → (..., G), in `compute_dtype`."""
        if compute_dtype == torch.bfloat16:
            return fused.linear(x, self.weight_ih, self.bias_ih)
        return functional.linear(x, self.weight_ih, self.bias_ih)

    def gate_activations(self, projected: Tensor, before: Tensor) -> dict[str, Tensor]:
        """Return how far each gate is open, from 0 to 1, by its name in the equation.

        Takes the projected input (..., G) and the output of the step before (..., H); returns (..., H) for each gate,
        and an empty dict for a cell without gates.
        """
        return {}

    @abstractmethod
    def step(self, projected: Tensor, state: State) -> tuple[Tensor, State]:
        """Compute one time step: projected input (B, G) and state → output (B, H) and next state."""

    def recur(
        self,
        projected: Projected,
        state: State,
        carry_mask: Tensor | None = None,
        compute_dtype: torch.dtype = torch.float32,
    ) -> tuple[Tensor, State]:
        """Compute all time steps: projected input (T, B, G) and state → outputs (T, B, H) and last state.

        `carry_mask` (T, B, 1) is 0 where a new sequence starts, so that the state is zeroed before that step, else 1.
        `compute_dtype` is the type of the factors in matrix products; the compiled loops alone support bfloat16.
        """
        return self.unroll(projected, state, carry_mask)

    def unroll(self, projected: Projected, state: State, carry_mask: Tensor | None = None) -> tuple[Tensor, State]:
        """Compute `recur` step by step in plain torch: the reference for the faster computations.

        Works on every device and in every precision.
        """
        outputs = []
        for t, projected_t in enumerate(self.dense(projected).unbind(0)):
            if carry_mask is not None:
                state = tuple(part * carry_mask[t] for part in state)
            output, state = self.step(projected_t, state)
            outputs.append(output)
        return torch.stack(outputs), state

    def dense(self, projected: Projected) -> Tensor:
        """Return the projected input as a tensor (T, B, G) in the precision of the weights."""
        return projected.dense() if isinstance(projected, Lookup) else projected.to(self.weight_ih.dtype)

    def zero_state(self, batch_size: int) -> State:
        """Return the state at the start of a sequence: zeros."""
        return tuple(self.weight_ih.new_zeros(batch_size, self.state_size) for _ in range(self.state_tensors))


class RecurrentCell(Cell):
    """A cell that multiplies the state by W_h at every step, so that each step waits for the one before.

    Weights have the names, shapes and gate order of torch.nn, so that they can be copied to its layers.
    """

    weight_hh: nn.Parameter  # W_h (G, H)
    bias_hh: nn.Parameter  # b' (G,)

    def create_weights(self, rows: int, input_size: int) -> None:
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size))
        self.weight_hh = nn.Parameter(torch.empty(rows, self.state_size))
        self.bias_ih = nn.Parameter(torch.zeros(rows))
        self.bias_hh = nn.Parameter(torch.zeros(rows))

    def initialize(self) -> None:
        super().initialize()
        for block in self.weight_hh.data.chunk(self.gates):  # an orthogonal matrix preserves the norm of the state
            nn.init.orthogonal_(block)

    def torch_weights(self) -> list[Tensor]:
        """Return the weights in the order that torch.gru, torch.lstm and torch.rnn_tanh expect."""
        return [self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh]

    def recur(
        self,
        projected: Projected,
        state: State,
        carry_mask: Tensor | None = None,
        compute_dtype: torch.dtype = torch.float32,
    ) -> tuple[Tensor, State]:
        weights = self.weight_hh, self.bias_hh
        if self.loop and fused.fits(projected):
            return fused.recur(self.loop, projected, *weights, state, carry_mask, compute_dtype)
        if self.fused_step and self.weight_hh.is_cuda:
            return gpu_loops.loop(self.fused_step, self.dense(projected), *weights, state, carry_mask)
        return self.unroll(projected, state, carry_mask)


class LinearRecurrentCell(Cell):
    """A cell that is linear in its state: h<t> = decay<t> * h<t-1> + added<t>.

    Decay and addition depend on the input only, so that all matrix products are computed before the first step.
    """

    learning_rate_scale = 2.0

    def create_weights(self, rows: int, input_size: int) -> None:
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size))
        self.bias_ih = nn.Parameter(torch.zeros(rows))

    @abstractmethod
    def coefficients(self, projected: Tensor) -> tuple[Tensor, Tensor]:
        """Return decay, between 0 and 1, and addition: projected input (..., G) → (..., H) each."""

    def step(self, projected: Tensor, state: State) -> tuple[Tensor, State]:
        decay, added = self.coefficients(projected)
        h = torch.addcmul(added, decay, state[0])
        return h, (h,)

    def recur(
        self,
        projected: Projected,
        state: State,
        carry_mask: Tensor | None = None,
        compute_dtype: torch.dtype = torch.float32,
    ) -> tuple[Tensor, State]:
        if self.loop and fused.fits(projected):
            return fused.recur(self.loop, projected, None, None, state, carry_mask, compute_dtype)
        decay, added = self.coefficients(self.dense(projected))
        outputs = scan(decay if carry_mask is None else decay * carry_mask, added, state[0])
        return outputs, (outputs[-1],)
