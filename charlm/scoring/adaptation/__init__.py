"""The contract of an adaptation: what a model takes from the text it has read into what it predicts next.

All are online: a token is predicted before anything is learned from it, so that the probabilities of a text are still
a product by the chain rule, of a model that is a function of the tokens before. A new one is one file here.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

from charlm.nn.network import Network


class Adaptation(ABC):
    """Made with the network that reads, a copy of the trained one for it to change. What it has learned is its own."""

    words: ClassVar[str]  # what it is, where it is told how a text was scored
    segment: ClassVar[int]  # tokens that may be predicted before they are learned from
    by_gradient: ClassVar[bool] = False  # whether what it learns from must know its gradient

    @abstractmethod
    def __init__(self, network: Network) -> None: ...

    def predict(self, logprobs: Tensor, outputs: Tensor, came: Tensor) -> Tensor:
        """log P by the network (T, 1, V), its outputs (T, 1, H), the symbols that came (T, 1) → log P (T, 1, V).

        That before a symbol may depend on the symbols that came before it, not on itself.
        """
        return logprobs

    @abstractmethod
    def learn(self, logprobs: Tensor, outputs: Tensor, came: Tensor) -> None:
        """Take in a segment that was predicted, for the next; log P is the network's own."""
