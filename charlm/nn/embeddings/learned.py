"""Learned: row i of an E-wide table, trained with the other weights."""

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from charlm.nn.cells import Cell
from charlm.nn.embeddings import Embedding
from charlm.nn.native.fused import Lookup, Projected
from charlm.nn.rows import Rows
from charlm.tokenizers import Tokenizer


class Learned(Embedding):
    def __init__(self, vocabulary_size: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.scale = 1.0  # of the vectors over the rows of the table
        self.weight = nn.Parameter(torch.empty(vocabulary_size, size))  # (V, E)
        # A tensor on the meta device has no values, and torch would import its compiler to draw none.
        if not self.weight.is_meta:
            nn.init.normal_(self.weight)
        self.weight.data[Tokenizer.UNK] = 0.0  # an unknown token carries no information

    def tie(self) -> Callable[[], Tensor]:
        """Share the table, with rows of norm 1 as the readout needs them and vectors √E times as long as the rows.

        Rows of norm 1 give initial logits of the usual size. The factor √E is that of Vaswani et al. 2017, section 3.4.
        """
        self.scale = self.size**0.5
        if not self.weight.is_meta:
            self.weight.data /= self.scale
        return self._table  # a bound method: copy.deepcopy of a network binds it to the copied embedding

    def _table(self) -> Tensor:
        return self.weight

    def vectors(self, ids: Tensor) -> Tensor:
        return functional.embedding(ids, self.weight) * self.scale

    def projected_table(self, cell: Cell) -> Tensor:
        return cell.project(self.weight * self.scale)

    def input_vectors(self, cell: Cell) -> Tensor:
        return self.weight

    def load_vectors(self, vectors: Tensor, known: Tensor) -> None:
        if not self.weight.is_meta:
            self.weight.data[known] = vectors[known]

    def start_from(self, source: Self, rows: Rows) -> None:
        scale = 1.0 if source.scale == self.scale else source.scale / self.scale  # a tied table has shorter rows
        self.weight.data.copy_(rows.of(source.weight.data) * scale)

    def project(self, ids: Tensor, cell: Cell) -> Projected:
        # A table of V rows costs less than a product for each of T · B tokens if V is smaller.
        if self.weight.shape[0] <= ids.numel():
            return Lookup(ids, self.projected_table(cell))
        return cell.project(self.vectors(ids))
