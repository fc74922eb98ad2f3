"""Pairs as rows of token ids, START source START target EOS, and batches of them."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charlm.tasks._batches import ExampleBatches, padded
from charlm.tokenizers import Ids, Tokenizer

LONGEST_SOURCE = 2000  # tokens that are read of a source, and of a target
NO_TARGET = -1


class Row(NamedTuple):
    """What the network reads, START source START target; and what it has to predict, target EOS."""

    ids: Ids  # (n + m + 2,)
    targets: Ids  # (m + 1,)

    @property
    def source(self) -> int:
        """The number of tokens of the source with START: the index of the second START."""
        return len(self.ids) - len(self.targets)


class PairBatch(NamedTuple):
    """Whole pairs."""

    ids: Tensor  # (T, B), padded at the end
    lengths: Tensor  # (B,)
    sources: Tensor  # (B,), the tokens of each source with START
    targets: Tensor  # (B, W), NO_TARGET where there is none

    @property
    def fresh(self) -> bool:
        """True: each pair begins with a zero state."""
        return True

    @property
    def rows(self) -> int:
        """B."""
        return len(self.lengths)

    @property
    def weight(self) -> int:
        """The number of tokens to predict."""
        return int((self.targets != NO_TARGET).sum())

    def part(self, rows: slice, device: torch.device) -> "PairBatch":
        """Return some of the pairs, on a device."""
        lengths, targets = self.lengths[rows], self.targets[rows]
        ids = self.ids[: int(lengths.max()), rows]
        targets = targets[:, : int((targets != NO_TARGET).sum(1).max())]
        return PairBatch(*(each.to(device) for each in (ids, lengths, self.sources[rows], targets)))

    def cut(self, length: int) -> "PairBatch":
        """Return the first tokens of each pair, of which at least one is predicted."""
        lengths = self.lengths.clamp(max=length)
        sources = torch.minimum(self.sources, lengths - 1)
        kept = torch.arange(self.targets.shape[1]) < (lengths - sources)[:, None]
        return PairBatch(self.ids[:length], lengths, sources, self.targets.where(kept, torch.tensor(NO_TARGET)))


class PairBatches(ExampleBatches[PairBatch]):
    """Batches of pairs. The arguments after `rows` are those of `ExampleBatches`."""

    def __init__(
        self, rows: Sequence[Row], batch_size: int, seed: int, select_rows: Callable[[int], slice] = slice
    ) -> None:
        super().__init__([len(row.ids) for row in rows], batch_size, seed, select_rows)
        self._rows = rows

    @property
    def targets_per_step(self) -> int:
        return max(1, sum(len(row.targets) for row in self._rows) // self.steps_per_epoch)

    def build(self, chosen: NDArray[np.int64]) -> PairBatch:
        return batch_of([self._rows[index] for index in chosen])


def batch_of(rows: Sequence[Row]) -> PairBatch:
    """Return rows as a batch."""
    ids, lengths = padded([row.ids for row in rows])
    targets = np.full((len(rows), max(len(row.targets) for row in rows)), NO_TARGET, dtype=np.int64)
    for line, row in zip(targets, rows, strict=True):
        line[: len(row.targets)] = row.targets
    return PairBatch(ids, lengths, torch.tensor([row.source for row in rows]), torch.from_numpy(targets))


def source_ids(tokenizer: Tokenizer, source: str) -> Ids:
    """Return START and the tokens of a source."""
    return np.concatenate((_control(tokenizer.START), tokenizer.encode(source)[:LONGEST_SOURCE]))


def row_of(tokenizer: Tokenizer, source: str, target: str) -> Row:
    """Return a pair as a row."""
    answer = tokenizer.encode(target)[:LONGEST_SOURCE]
    ids = np.concatenate((source_ids(tokenizer, source), _control(tokenizer.START), answer))
    return Row(ids, np.concatenate((answer, _control(tokenizer.EOS))))


def _control(token: int) -> Ids:
    return np.array([token], dtype=np.int32)
