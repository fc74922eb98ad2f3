"""Rows of a table that a new table starts with, when its vocabulary is another one."""

from typing import NamedTuple

import torch
from torch import Tensor


class Rows(NamedTuple):
    """For each row of a new table, the row of an old table; the mean of its `typical` rows for -1."""

    sources: Tensor  # (V,), of the new table
    typical: Tensor  # (V,), a mask of the old table

    def of(self, table: Tensor) -> Tensor:
        """Return the new table: (V, …) of the old vocabulary → (V, …) of the new one."""
        mean = table[self.typical].mean(dim=0)
        missing = (self.sources < 0).view(-1, *[1] * (table.dim() - 1))
        return torch.where(missing, mean, table[self.sources.clamp(min=0)])


class TokenRows(NamedTuple):
    """The rows of tables of tokens, where they are read and where they are predicted."""

    inputs: Rows
    outputs: Rows
