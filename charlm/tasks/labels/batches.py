"""Batches of whole texts as a pure function of (seed, step): texts of similar length lie together."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charlm.randomness import uniform
from charlm.tokenizers import Ids

_SORTED = 32  # batches of texts that are sorted by length together
_ORDER, _BATCHES = range(2)  # uses of random numbers; each use has a series of its own


class LabelBatch(NamedTuple):
    """Whole texts with their labels."""

    ids: Tensor  # (T, B), padded at the end
    lengths: Tensor  # (B,)
    labels: Tensor  # (B,), or what each label counts for (B, K)

    @property
    def fresh(self) -> bool:
        """True: each text begins with a zero state."""
        return True

    @property
    def rows(self) -> int:
        """B."""
        return len(self.lengths)

    @property
    def weight(self) -> int:
        """B: every text counts once."""
        return self.rows

    def part(self, rows: slice, device: torch.device) -> "LabelBatch":
        """Return some of the texts, on a device."""
        lengths = self.lengths[rows]
        ids = self.ids[: int(lengths.max()), rows]
        return LabelBatch(ids.to(device), lengths.to(device), self.labels[rows].to(device))

    def cut(self, length: int) -> "LabelBatch":
        """Return the first tokens of each text."""
        return LabelBatch(self.ids[:length], self.lengths.clamp(max=length), self.labels)


def padded(rows: Sequence[Ids]) -> tuple[Tensor, Tensor]:
    """Return rows as ids (T, B) with padding at the end, and their lengths (B,)."""
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    ids = np.zeros((lengths.max(), len(rows)), dtype=np.int64)
    for column, row in enumerate(rows):
        ids[: len(row), column] = row
    return torch.from_numpy(ids), torch.from_numpy(lengths)


class LabelBatches:
    """Batches of texts: `batches[step]` for any step ≥ 0. Each pass has another order.

    The texts that do not fill a last batch are left out of the pass. select_rows: takes the number of texts in a batch,
    and returns those to build.
    """

    def __init__(
        self,
        rows: Sequence[Ids],
        targets: NDArray[np.int64] | NDArray[np.float32],
        batch_size: int,
        seed: int,
        select_rows: Callable[[int], slice] = slice,
    ) -> None:
        self._texts, self._targets, self._seed = rows, targets, seed
        self._lengths = np.array([len(row) for row in rows])
        self.size = int(self._lengths.sum())
        self.batch_size = min(batch_size, len(rows))
        self.seq_len = int(self._lengths.max())
        self.steps_per_epoch = len(rows) // self.batch_size
        self._mine = select_rows(self.batch_size)
        self._pass: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, dtype=np.int64))

    @property
    def tokens_per_step(self) -> int:
        return max(1, self.size // self.steps_per_epoch)

    @property
    def targets_per_step(self) -> int:
        return self.batch_size

    def __getitem__(self, step: int) -> LabelBatch:
        chosen = self.chosen(step)
        ids, lengths = padded([self._texts[index] for index in chosen])
        return LabelBatch(ids, lengths, torch.from_numpy(self._targets[chosen]))

    def chosen(self, step: int) -> NDArray[np.int64]:
        """Return the indices of the texts of a step that this process builds."""
        epoch, number = divmod(step, self.steps_per_epoch)
        chosen: NDArray[np.int64] = self._order(epoch)[number][self._mine]
        return chosen

    def _order(self, epoch: int) -> NDArray[np.int64]:
        """Return the indices of the texts of each batch: (steps, B)."""
        if self._pass[0] != epoch:
            numbers = np.arange(len(self._texts))
            order = np.argsort(uniform(self._seed, _ORDER, epoch, numbers), kind="stable")
            order = order[: self.steps_per_epoch * self.batch_size]
            block = np.arange(len(order)) // (_SORTED * self.batch_size)
            order = order[np.lexsort((self._lengths[order], block))].reshape(-1, self.batch_size)
            batches = np.argsort(uniform(self._seed, _BATCHES, epoch, np.arange(len(order))), kind="stable")
            self._pass = (epoch, order[batches])
        return self._pass[1]
