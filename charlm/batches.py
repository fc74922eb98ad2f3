"""Training windows as a pure function of (seed, step): nothing is shuffled, nothing has to be remembered.

The sequences lie one behind the other on a ring. Each pass over it starts at a random offset, from which B streams
are read side by side, window after window of T symbols; the network carries its state from one window to the next.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charlm.randomness import bits, uniform
from charlm.tokenizers import Ids, Tokenizer

COLD_STARTS = 0.05  # chance, a window and kind, that a stream forgets: a fresh prompt is then scored well too
_OFFSET, _AT_WINDOW, _AT_LINE = range(3)  # what a random number is for


class Ring(NamedTuple):
    """Sequences one behind the other: the targets (N,), and where sequences start, ascending, the first at 0."""

    targets: Ids
    starts: NDArray[np.int64]


class Batch(NamedTuple):
    """One window of B streams. `fresh`: a pass begins, the state before is that of no text."""

    inputs: Tensor  # (T, B)
    targets: Tensor  # (T, B)
    resets: Tensor | None  # (T, B), True where a sequence starts; None where nowhere
    fresh: bool


def ring(sequences: Sequence[Ids], *, close: bool) -> Ring:
    """Lay sequences one behind the other, each closed by EOS if `close`."""
    end = np.array([Tokenizer.EOS] if close else [], dtype=np.int32)
    pieces = [piece for sequence in sequences for piece in (sequence, end)]
    lengths = np.array([len(sequence) + len(end) for sequence in sequences])
    return Ring(np.concatenate(pieces), np.concatenate(([0], np.cumsum(lengths)[:-1])))


class Batches:
    """`batches[step]` is the window of one step, for any step ≥ 0.

    `whole`: a pass reads whole sequences only, each stream from the next start of one (lines). Otherwise (streams)
    it may start anywhere; now and then a row then forgets its state, half the time at a window's start and half at
    the start of a line, where the start symbol stands in for what came before.
    """

    def __init__(
        self, ring: Ring, batch_size: int, seq_len: int, seed: int, *, whole: bool, line_ends: NDArray[np.bool_]
    ) -> None:
        self.ring, self.seed, self.whole, self.line_ends = ring, seed, whole, line_ends
        self.size = len(ring.targets)  # N
        self.seq_len = min(seq_len, self.size)  # T
        self.batch_size = min(batch_size, self.size // self.seq_len)  # B
        self.steps_per_epoch = self.size // (self.seq_len * self.batch_size)
        self._is_start = np.zeros(self.size, dtype=bool)
        self._is_start[ring.starts] = True

    def __getitem__(self, step: int) -> Batch:
        epoch, window = divmod(step, self.steps_per_epoch)
        rows = np.arange(self.batch_size)
        offset = int(bits(self.seed, _OFFSET, epoch)[0] % np.uint64(self.size))
        first = (offset + rows * self.size // self.batch_size) % self.size  # (B,)
        if self.whole:
            after = np.searchsorted(self.ring.starts, first)
            first = np.append(self.ring.starts, 0)[after]
        places = first + window * self.seq_len + np.arange(self.seq_len)[:, None]
        places %= self.size  # (T, B)
        targets = self.ring.targets[places]
        inputs = self.ring.targets[places - 1]  # at 0 this is the last symbol, but a sequence starts there
        resets = self._is_start[places]
        inputs[resets] = Tokenizer.START
        if not self.whole:
            self._forget(step, inputs, resets)
        return Batch(
            torch.from_numpy(inputs.astype(np.int64)),
            torch.from_numpy(targets.astype(np.int64)),
            torch.from_numpy(resets) if resets.any() else None,
            fresh=window == 0,
        )

    def _forget(self, step: int, inputs: NDArray[np.int32], resets: NDArray[np.bool_]) -> None:
        rows = np.arange(self.batch_size)
        resets[0] |= uniform(self.seed, _AT_WINDOW, step, rows) < COLD_STARTS
        lines = self.line_ends[inputs]  # (T, B): a line starts here
        forget = (uniform(self.seed, _AT_LINE, step, rows) < COLD_STARTS) & lines.any(axis=0)
        row = rows[forget]
        at = lines.argmax(axis=0)[forget]
        resets[at, row] = True
        inputs[at, row] = Tokenizer.START
