"""The contract of a readout, which turns the last layer's outputs into the distribution of the next token.

The network decides which tokens can occur at all: `allowed_tokens` (V,) is a mask, and the other tokens have a
probability of exactly 0. Letters: V vocabulary, H hidden, N any number of outputs.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import NamedTuple, Self

from torch import Tensor, nn

from charlm.nn.readouts._choice import choose as choose
from charlm.nn.rows import Rows

# Returns the matrix (V, H) of an embedding. A function, because moving a network to a device replaces its tensors.
Table = Callable[[], Tensor]


class GroupedLinear(NamedTuple):
    """Logits are W h + b, with a row for each token and then one for each of G groups.

    The logits of a group's tokens are normalized within the group: they become log P(token | group), plus the group's.
    """

    weight: Tensor  # (V + G, H)
    bias: Tensor  # (V + G,)
    groups: tuple[Tensor, ...] = ()  # the tokens of each


class Readout(nn.Module, ABC):
    """An output layer of width H for a vocabulary of V.

    `shared` is the table of the embedding, for tied weights; without it the readout has a matrix of its own.
    `shortlist` is as in ModelConfig. Raises ConfigError if the readout does not support one of them.
    """

    @abstractmethod
    def __init__(
        self, hidden_size: int, vocabulary_size: int, shared: Table | None = None, shortlist: int | None = None
    ) -> None:
        super().__init__()

    @abstractmethod
    def logits(self, outputs: Tensor, allowed_tokens: Tensor) -> Tensor:
        """Return logits whose softmax is the distribution: (..., H) → (..., V). Those of other tokens are -inf."""

    @abstractmethod
    def target_log_probability(self, outputs: Tensor, targets: Tensor, allowed_tokens: Tensor) -> Tensor:
        """Return log P (nats) of the targets: (N, H) and (N,) → (N,). It may be faster than all logits."""

    @abstractmethod
    def output_vectors(self) -> Tensor:
        """Return a vector for each token (V, H): the direction in which an output makes the token likelier."""

    @abstractmethod
    def start_from(self, source: Self, rows: Rows) -> None:
        """Take the weights of another readout of this kind, of the same width. Called after `set_frequencies`."""

    def as_linear(self, allowed_tokens: Tensor) -> GroupedLinear | None:
        """Return a product that leads to the logits, or None if there is none."""
        return None

    def multiplying(self) -> Iterator[Tensor]:
        """Yield the matrices (N, H) that multiply the outputs, except those of modules inside this one."""
        yield from ()

    def set_frequencies(self, counts: Tensor) -> None:
        """Set how often each token is a target (V,). Called once, before training."""
