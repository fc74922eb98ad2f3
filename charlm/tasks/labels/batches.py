"""Batches of whole texts with their labels."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charlm.tasks._batches import ExampleBatches, padded
from charlm.tasks.labels.classifier import TextRow


class LabelBatch(NamedTuple):
    """Whole texts with their labels."""

    ids: Tensor  # (T, B), padded at the end
    lengths: Tensor  # (B,)
    labels: Tensor  # (B,), or what each label counts for (B, K)
    ngrams: Tensor | None = None  # (B, n), rows of n-grams if the network reads them

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
        ngrams = None if self.ngrams is None else self.ngrams[rows].to(device)
        return LabelBatch(ids.to(device), lengths.to(device), self.labels[rows].to(device), ngrams)

    def cut(self, length: int) -> "LabelBatch":
        """Return the first tokens of each text."""
        return LabelBatch(self.ids[:length], self.lengths.clamp(max=length), self.labels, self.ngrams)


class LabelBatches(ExampleBatches[LabelBatch]):
    """Batches of texts. `ngrams` returns the rows of texts; the arguments before it are those of `ExampleBatches`."""

    def __init__(
        self,
        rows: Sequence[TextRow],
        targets: NDArray[np.int64] | NDArray[np.float32],
        batch_size: int,
        seed: int,
        select_rows: Callable[[int], slice] = slice,
        ngrams: Callable[[Sequence[str]], Tensor] | None = None,
    ) -> None:
        super().__init__([len(row.ids) for row in rows], batch_size, seed, select_rows)
        self._rows, self._targets, self._ngrams = rows, targets, ngrams

    @property
    def targets_per_step(self) -> int:
        return self.batch_size

    def build(self, chosen: NDArray[np.int64]) -> LabelBatch:
        rows = [self._rows[index] for index in chosen]
        ids, lengths = padded([row.ids for row in rows])
        ngrams = self._ngrams([row.text for row in rows]) if self._ngrams else None
        return LabelBatch(ids, lengths, torch.from_numpy(self._targets[chosen]), ngrams)
