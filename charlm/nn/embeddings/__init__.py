"""The contract of an embedding: symbol numbers → what the first cell adds to its recurrence.

The first layer needs only W_x x<t> + b, and x<t> takes V values, so a small vocabulary is projected once and the
result looked up for every token: exact, and for characters half of a one-layer model's arithmetic.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor, nn

from charlm.errors import ConfigError
from charlm.nn.cells import Cell
from charlm.nn.native.fused import Projected


class Embedding(nn.Module, ABC):
    """Made with `(V, E)`; `size` is the width of its vectors, which the first cell takes as its input size."""

    size: int

    @abstractmethod
    def vectors(self, ids: Tensor) -> Tensor:
        """Of ids (...): (..., size)."""

    @abstractmethod
    def table(self, cell: Cell) -> Tensor:
        """`cell.project` of the vectors of all symbols: (V, G)."""

    @abstractmethod
    def rows(self, cell: Cell) -> Tensor:
        """A vector for each symbol by which it can be compared with others: (V, ·)."""

    @abstractmethod
    def start(self, vectors: Tensor, known: Tensor) -> None:
        """Begin with given vectors (V, E) where `known` (V,). Raises ConfigError where there is nothing to give."""

    @abstractmethod
    def project(self, ids: Tensor, cell: Cell) -> Projected:
        """`cell.project` of the vectors of ids (T, B): (T, B, G)."""

    def share(self) -> Callable[[], Tensor]:
        """The table (V, E) as a readout's matrix too, from now on. Raises ConfigError where there is none."""
        raise ConfigError(
            "this input has no table to tie to the readout: take the learned one, or leave tie-weights out"
        )
