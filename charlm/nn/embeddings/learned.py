"""Learned: row i of an E-wide table, trained with the rest."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from charlm.nn.cells import Cell
from charlm.nn.embeddings import Embedding
from charlm.nn.native.fused import Lookup, Projected
from charlm.tokenizers import Tokenizer


class Learned(Embedding):
    def __init__(self, vocabulary_size: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.scale = 1.0  # of the vectors, over the rows
        self.weight = nn.Parameter(torch.empty(vocabulary_size, size))  # (V, E)
        if not self.weight.is_meta:  # there, to make no values, torch would import its compiler first
            nn.init.normal_(self.weight)
        self.weight.data[Tokenizer.UNK] = 0.0  # an unknown symbol tells nothing

    def share(self) -> Callable[[], Tensor]:
        """Rows of norm 1 make logits of the size that fresh ones have; as inputs they are √E larger, as in section 3.4
        of Vaswani et al. 2017."""
        self.scale = self.size**0.5
        if not self.weight.is_meta:
            self.weight.data /= self.scale
        return self._rows

    def _rows(self) -> Tensor:
        return self.weight

    def vectors(self, ids: Tensor) -> Tensor:
        return functional.embedding(ids, self.weight) * self.scale

    def table(self, cell: Cell) -> Tensor:
        return cell.project(self.weight * self.scale)

    def rows(self, cell: Cell) -> Tensor:
        return self.weight

    def start(self, vectors: Tensor, known: Tensor) -> None:
        if not self.weight.is_meta:
            self.weight.data[known] = vectors[known]

    def project(self, ids: Tensor, cell: Cell) -> Projected:
        if self.weight.shape[0] <= ids.numel():
            return Lookup(ids, self.table(cell))
        return cell.project(self.vectors(ids))
