"""A network that a run can train: it reads a batch, and knows the probability of each target."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from charlm.nn.encoder import Encoder, NetworkState
from charlm.nn.readouts import Readout


class Read(NamedTuple):
    """What a network made of a batch: N outputs, each with the target that it has to predict.

    state: what the network carries to the next batch; None if the next one begins anew.
    """

    outputs: Tensor  # (N, H)
    targets: Tensor  # (N,) or (N, k)
    state: NetworkState | None


class Trainable(Encoder, ABC):
    """An encoder with a readout.

    starts_whole: whether `start_from` gives the layers above the encoder too. rate_scales: the factor of the learning
    rate of a weight, by its name; 1 for all others.
    """

    starts_whole: ClassVar[bool] = False
    rate_scales: ClassVar[Mapping[str, float]] = MappingProxyType({})

    @property
    @abstractmethod
    def choices(self) -> int:
        """The number of scores that the readout computes for each output."""

    @property
    def counts_alone(self) -> bool:
        """Whether counts of n-grams answer alone, next to a network that has not learned."""
        return False

    @abstractmethod
    def read(self, batch: Any, state: NetworkState | None, generator: torch.Generator | None = None) -> Read:
        """Read a batch of the network's task, from the state after the batch before it, or from a zero state.

        generator: draws the dropout; None means torch's default generator.
        """

    def continue_from(self, weights: Mapping[str, Tensor], *, trained: bool) -> None:
        """Load the weights of the model that an earlier run of this network kept.

        trained: whether that run kept them after its first step.
        """
        self.load_state_dict(weights)

    def multiplying(self) -> Iterator[Tensor]:
        """Yield the matrices (G, H) that multiply the outputs of another layer, or of the same layer a step before."""
        for module in self.modules():
            if isinstance(module, Encoder):
                yield from module.multiplying_in_cells()
            elif isinstance(module, Readout):
                yield from module.multiplying()
            elif isinstance(module, nn.Linear):
                yield module.weight

    def bound(self) -> None:
        """Bring weights back into their bounds after an update."""

    @abstractmethod
    def target_log_probability(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return log P (nats) of the target of each output, (N, H) and (N,) or (N, k) → (N,)."""
