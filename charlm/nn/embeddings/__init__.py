"""The contract of an embedding, which turns token ids into the input of the first cell.

The first layer needs only W_x x<t> + b, and x<t> has V possible values. A small vocabulary is therefore projected once,
and the result is looked up for every token. This is exact, and for characters it saves half of the arithmetic of a
one-layer model. Letters: T time, B batch, V vocabulary, E embedding, G = gates · H.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Self

from torch import Tensor, nn

from charlm.errors import ConfigError
from charlm.nn.cells import Cell
from charlm.nn.native.fused import Projected
from charlm.nn.rows import Rows


class InputLayer(nn.Module, ABC):
    """What the first cell reads. `size` is the width of its vectors, the first cell's input size."""

    size: int

    @abstractmethod
    def vectors(self, ids: Tensor) -> Tensor:
        """Return the vectors of ids: (...) → (..., size)."""

    @abstractmethod
    def project(self, ids: Tensor, cell: Cell) -> Projected:
        """Return `cell.project` of the vectors of ids: (T, B) → (T, B, G)."""


class Embedding(InputLayer):
    """An input layer for token ids, made with V and E."""

    tokens_are_columns: ClassVar[bool] = False  # of the first cell's weight_ih, since the embedding has no table

    @abstractmethod
    def projected_table(self, cell: Cell) -> Tensor:
        """Return `cell.project` of the vectors of all tokens: (V, G)."""

    @abstractmethod
    def input_vectors(self, cell: Cell) -> Tensor:
        """Return a vector for each token by which tokens can be compared: (V, ·)."""

    @abstractmethod
    def load_vectors(self, vectors: Tensor, known: Tensor) -> None:
        """Replace the initial vectors by `vectors` (V, E) where `known` (V,) is true.

        Raises ConfigError if the embedding has no vectors of its own.
        """

    @abstractmethod
    def start_from(self, source: Self, rows: Rows) -> None:
        """Take the vectors of another embedding of this kind, of the same width."""

    def tie(self) -> Callable[[], Tensor]:
        """Share the table with the readout, and return a function that returns it: (V, E).

        The weights may be rescaled, so call this once, on a fresh embedding. Raises ConfigError if there is no table.
        """
        raise ConfigError("this embedding has no table to tie to the readout", remedy="tie_learned_embedding")
