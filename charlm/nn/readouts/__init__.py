"""The contract of a readout: what the last layer puts out → the distribution of the next symbol.

Which symbols can come at all is the network's to say: `predictable` (V,); the others have probability 0, exactly.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor, nn

Table = Callable[[], Tensor]  # the (V, H) matrix of an embedding, wherever it is by now

# A training step is 1.9 times as fast with 1,000 symbols, 5.3 times with 5,000 (benchmarks/readout.py).
_MANY = 2_000


class Readout(nn.Module, ABC):
    """Made with (H, V), and with the table of the embedding where the readout is to have no matrix of its own.

    Raises ConfigError for a table where it cannot share one.
    """

    @abstractmethod
    def __init__(self, hidden_size: int, vocabulary_size: int, shared: Table | None = None) -> None:
        super().__init__()

    @abstractmethod
    def logits(self, outputs: Tensor, predictable: Tensor) -> Tensor:
        """(..., H) → (..., V), whose softmax is the distribution: minus infinity for what is not predictable."""

    @abstractmethod
    def target_log_probability(self, outputs: Tensor, targets: Tensor, predictable: Tensor) -> Tensor:
        """log P (nats) of the symbols that targets, as by the logits, or sooner: (N, H) and (N,) → (N,)."""

    @abstractmethod
    def rows(self) -> Tensor:
        """A vector for each symbol by which it can be compared with others (V, H): the output that makes it likely."""

    def linear(self, predictable: Tensor) -> tuple[Tensor, Tensor] | None:
        """W (V, H) and b (V,), where the logits are W h + b."""
        return None

    def arrange(self, counts: Tensor) -> None:
        """Told once, before any training: how often each symbol (V,) is a target."""


def choose(asked: str, vocabulary_size: int, *, tied: bool) -> str:
    """The readout for `auto`, or the one that is asked for."""
    if asked != "auto":
        return asked
    return "adaptive" if vocabulary_size >= _MANY and not tied else "dense"
