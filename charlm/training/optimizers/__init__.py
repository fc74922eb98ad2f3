"""The contract of an optimizer, which updates weights by their gradients."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import NamedTuple

from torch import Tensor


class Weight(NamedTuple):
    """A weight to train.

    scale: the factor of its learning rate. multiplies: whether it is a matrix (G, H) that multiplies the outputs of
    another layer, each row with all of them; a table from which tokens take rows is not.
    """

    values: Tensor
    scale: float = 1.0
    multiplies: bool = False


# Returns the tensor that the first process of a run has in place of this one. All processes call it in the same order.
Agree = Callable[[Tensor], Tensor]


class Optimizer(ABC):
    """An optimizer of weights.

    weight_decay: decay of matrices, as a multiple of the learning rate. agree: makes processes with the same gradients
    agree on what rounding would make different on different processors.
    """

    @abstractmethod
    def __init__(self, weights: Iterable[Weight], weight_decay: float, agree: Agree) -> None: ...

    @abstractmethod
    def tensors(self) -> dict[str, list[Tensor]]:
        """Return all that the next steps depend on, besides the weights, as the optimizer's own memory."""

    @abstractmethod
    def step(self, rate: float) -> None:
        """Update every weight by its gradient."""
