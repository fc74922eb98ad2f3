"""Contract of an adaptation: a method that changes a model's predictions while it reads.

All adaptations are online: each token is predicted before anything is learned from it. The probability of a text is
therefore still a product by the chain rule, and each factor is a function of the tokens before. An adaptation is one
file here; its class variable `flag` makes it an option of `charlm score` and `charlm evaluate`.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

from charlm.nn.network import Network

PACKAGE = "scoring.adaptation"


class Adaptation(ABC):
    """Built with a copy of the trained network, which it may change. What it learns is its own state."""

    order: ClassVar[int] = 90  # lower orders are listed first in the help, and applied first on the command line
    flag: ClassVar[str]  # help of the option that chooses the adaptation
    flag_name: ClassVar[str]  # name of the option, if it is not the adaptation's own name
    former_flag_name: ClassVar[str]  # name of the option that is still accepted
    words: ClassVar[str]  # name of the method in a description of how a text was scored
    segment: ClassVar[int]  # number of tokens that may be predicted before they are learned from
    by_gradient: ClassVar[bool] = False  # whether learning needs the gradient of the predictions

    @abstractmethod
    def __init__(self, network: Network) -> None: ...

    def predict(self, logprobs: Tensor, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the adapted log P (T, 1, V) of a segment.

        `logprobs` (T, 1, V) is the network's log P, `outputs` (T, 1, H) is what its last cell returns, and `targets`
        (T, 1) are the tokens of the segment. The result at t may depend on the targets before t only.
        """
        return logprobs

    @abstractmethod
    def learn(self, logprobs: Tensor, outputs: Tensor, targets: Tensor) -> None:
        """Learn from a segment that was predicted; `logprobs` is the network's own log P, not the adapted one."""
