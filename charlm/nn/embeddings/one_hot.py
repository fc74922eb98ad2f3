"""One-hot: e_i, zeros with a 1 at index i. W_x e_i is column i of W_x, so the projected table is the weight itself."""

from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from charlm.errors import ConfigError
from charlm.nn.cells import Cell
from charlm.nn.embeddings import Embedding
from charlm.nn.native.fused import Lookup, Projected
from charlm.nn.rows import Rows


class OneHot(Embedding):
    tokens_are_columns = True

    def __init__(self, vocabulary_size: int, size: int) -> None:
        super().__init__()
        self.size = vocabulary_size  # `size` does not apply: a one-hot vector is as wide as the vocabulary

    def vectors(self, ids: Tensor) -> Tensor:
        return functional.one_hot(ids, self.size).to(torch.get_default_dtype())

    def projected_table(self, cell: Cell) -> Tensor:
        return cell.weight_ih.t() + cell.bias_ih

    def input_vectors(self, cell: Cell) -> Tensor:
        """Return what each token adds to the first layer (V, G): one-hot vectors are equally far from each other."""
        return cell.weight_ih.t()

    def load_vectors(self, vectors: Tensor, known: Tensor) -> None:
        raise ConfigError("a one-hot input has no vectors to load", remedy="load_learned_embedding")

    def start_from(self, source: Self, rows: Rows) -> None:
        """Do nothing: the vectors have no weights."""

    def project(self, ids: Tensor, cell: Cell) -> Projected:
        # A table of V rows costs less than a look-up for each of T · B tokens if V is smaller.
        if self.size <= ids.numel():
            return Lookup(ids, self.projected_table(cell))
        return functional.embedding(ids, cell.weight_ih.t()) + cell.bias_ih
