"""Learned: row i of an E-wide table, trained with the rest."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from charlm.cells import Cell
from charlm.embeddings import Embedding
from charlm.native.fused import Lookup, Projected
from charlm.tokenizers import Tokenizer


class Learned(Embedding):
    def __init__(self, vocabulary_size: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.weight = nn.Parameter(torch.empty(vocabulary_size, size))  # (V, E)
        if not self.weight.is_meta:  # there, to make no values, torch would import its compiler first
            nn.init.normal_(self.weight)
        self.weight.data[Tokenizer.UNK] = 0.0  # an unknown symbol tells nothing

    def vectors(self, ids: Tensor) -> Tensor:
        return functional.embedding(ids, self.weight)

    def table(self, cell: Cell) -> Tensor:
        return cell.project(self.weight)

    def rows(self, cell: Cell) -> Tensor:
        return self.weight

    def start(self, vectors: Tensor, known: Tensor) -> None:
        if not self.weight.is_meta:
            self.weight.data[known] = vectors[known]

    def project(self, ids: Tensor, cell: Cell) -> Projected:
        if self.weight.shape[0] <= ids.numel():
            return Lookup(ids, self.table(cell))
        return cell.project(self.vectors(ids))
