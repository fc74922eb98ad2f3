"""Batches of whole examples as a pure function of (seed, step): examples of similar length lie together."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charlm.randomness import uniform
from charlm.tasks import Batch
from charlm.tokenizers import Ids

_SORTED = 32  # batches of examples that are sorted by length together
_ORDER, _BATCHES = range(2)  # uses of random numbers; each use has a series of its own

Made = TypeVar("Made", bound=Batch)


def padded(rows: Sequence[Ids]) -> tuple[Tensor, Tensor]:
    """Return rows (T,) or (T, n) as ids (T, B) or (T, B, n) with padding at the end, and their lengths (B,)."""
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    ids = np.zeros((lengths.max(), len(rows), *rows[0].shape[1:]), dtype=np.int64)
    for column, row in enumerate(rows):
        ids[: len(row), column] = row
    return torch.from_numpy(ids), torch.from_numpy(lengths)


class ExampleBatches(ABC, Generic[Made]):
    """Batches of examples: `batches[step]` for any step ≥ 0. Each pass has another order.

    The examples that do not fill a last batch are left out of the pass. lengths: of each example, in tokens.
    select_rows: takes the number of examples in a batch, and returns those to build.
    """

    def __init__(
        self, lengths: Sequence[int], batch_size: int, seed: int, select_rows: Callable[[int], slice] = slice
    ) -> None:
        self._lengths, self._seed = np.array(lengths), seed
        self.size = int(self._lengths.sum())
        self.batch_size = min(batch_size, len(lengths))
        self.seq_len = int(self._lengths.max())
        self.steps_per_epoch = len(lengths) // self.batch_size
        self._mine = select_rows(self.batch_size)
        self._pass: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, dtype=np.int64))

    @property
    def tokens_per_step(self) -> int:
        return max(1, self.size // self.steps_per_epoch)

    @property
    @abstractmethod
    def targets_per_step(self) -> int:
        """Targets of a step, on average."""

    @abstractmethod
    def build(self, chosen: NDArray[np.int64]) -> Made:
        """Return the examples with these indices as a batch."""

    def __getitem__(self, step: int) -> Made:
        epoch, number = divmod(step, self.steps_per_epoch)
        return self.build(self._order(epoch)[number][self._mine])

    def _order(self, epoch: int) -> NDArray[np.int64]:
        """Return the indices of the examples of each batch: (steps, B)."""
        if self._pass[0] != epoch:
            numbers = np.arange(len(self._lengths))
            order = np.argsort(uniform(self._seed, _ORDER, epoch, numbers), kind="stable")
            order = order[: self.steps_per_epoch * self.batch_size]
            block = np.arange(len(order)) // (_SORTED * self.batch_size)
            order = order[np.lexsort((self._lengths[order], block))].reshape(-1, self.batch_size)
            batches = np.argsort(uniform(self._seed, _BATCHES, epoch, np.arange(len(order))), kind="stable")
            self._pass = (epoch, order[batches])
        return self._pass[1]
