"""One-hot: e_i, all zeros but index i. Its product with W_x is column i of W_x, so the table is the weight itself."""

import torch
from torch import Tensor
from torch.nn import functional

from charlm.errors import ConfigError
from charlm.nn.cells import Cell
from charlm.nn.embeddings import Embedding
from charlm.nn.native.fused import Lookup, Projected


class OneHot(Embedding):
    def __init__(self, vocabulary_size: int, size: int) -> None:
        super().__init__()
        self.size = vocabulary_size  # whatever `size` asks for: a one-hot vector is as wide as the vocabulary

    def vectors(self, ids: Tensor) -> Tensor:
        return functional.one_hot(ids, self.size).to(torch.get_default_dtype())

    def table(self, cell: Cell) -> Tensor:
        return cell.weight_ih.t() + cell.bias_ih

    def rows(self, cell: Cell) -> Tensor:
        """All one-hot vectors are equally far from each other: what a symbol adds to the first layer stands for it."""
        return cell.weight_ih.t()

    def start(self, vectors: Tensor, known: Tensor) -> None:
        raise ConfigError("a one-hot input is never learned and begins with no vectors; leave the embedding-file out")

    def project(self, ids: Tensor, cell: Cell) -> Projected:
        if self.size <= ids.numel():
            return Lookup(ids, self.table(cell))
        return functional.embedding(ids, cell.weight_ih.t()) + cell.bias_ih
