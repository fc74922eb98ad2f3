"""Training windows as a pure function of (seed, step): nothing is shuffled, nothing has to be remembered.

The sequences lie one behind the other on a ring. Each pass over it starts at a random offset, from which B streams
are read side by side, window after window of T symbols; the network carries its state from one window to the next.
"""

import mmap
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charlm.errors import CorpusError
from charlm.randomness import bits, uniform
from charlm.tokenizers import Tokenizer

# Chance that a row of a stream resets its state in a window, for each of the two kinds of reset. A model trained so
# also predicts the beginning of a prompt well.
STATE_RESET_PROBABILITY = 0.05
_RELEASE_AFTER = 2**24  # targets read; of a mapped file they would stay in memory
_OFFSET, _AT_WINDOW, _AT_LINE = range(3)  # what a random number is for


class TokenRing(NamedTuple):
    """Sequences one behind the other: the targets (N,), and where sequences start, ascending, the first at 0.

    `mappings`: the files they lie in, where they are not in memory.
    """

    targets: NDArray[Any]  # of an integer type
    starts: NDArray[np.int64]
    mappings: tuple[mmap.mmap, ...] = ()

    def is_start(self, places: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether a sequence starts at each of these places."""
        before = np.searchsorted(self.starts, places, side="right") - 1
        found: NDArray[np.bool_] = self.starts[before] == places
        return found

    def check(self) -> None:
        """To read what is no longer there would end the process. Raises CorpusError."""
        if any(each.size() < len(each) for each in self.mappings):
            raise CorpusError("a file of the cache was cut short while it was read; train again, or with --resume")

    def release(self) -> None:
        """Let the system take back the memory of what was read; it reads it again when it is needed."""
        for each in self.mappings:
            if hasattr(mmap, "MADV_DONTNEED"):
                each.madvise(mmap.MADV_DONTNEED)


class Batch(NamedTuple):
    """One window of B streams, or some rows of it. `fresh`: a pass begins, the state before is that of no text."""

    inputs: Tensor  # (T, B)
    targets: Tensor  # (T, B)
    resets: Tensor | None  # (T, B), True where a sequence starts; None where nowhere
    fresh: bool


class TrainingWindows:
    """`batches[step]` is the window of one step, for any step ≥ 0.

    `align_to_starts`: each row begins a pass at the start of a sequence (line mode). Otherwise (stream mode) it begins
    anywhere, and resets its state from time to time: half of the resets are at the start of a window, half at the start
    of a line, where START replaces the input.

    `select_rows`: which of so many rows are wanted; only these are made. Without it, all.
    """

    def __init__(
        self,
        ring: TokenRing,
        batch_size: int,
        seq_len: int,
        seed: int,
        *,
        align_to_starts: bool,
        line_ends: NDArray[np.bool_],
        select_rows: Callable[[int], slice] = slice,
    ) -> None:
        self.ring, self.seed, self.align_to_starts, self.line_ends = ring, seed, align_to_starts, line_ends
        self.size = len(ring.targets)  # N
        self.seq_len = min(seq_len, self.size)  # T
        self.batch_size = min(batch_size, self.size // self.seq_len)  # B
        self._rows = np.arange(self.batch_size)[select_rows(self.batch_size)]
        self.steps_per_epoch = self.size // (self.seq_len * self.batch_size)
        self._read = 0  # targets since the ring was released

    def __getitem__(self, step: int) -> Batch:
        self.ring.check()
        epoch, window = divmod(step, self.steps_per_epoch)
        offset = int(bits(self.seed, _OFFSET, epoch)[0] % np.uint64(self.size))
        first = (offset + self._rows * self.size // self.batch_size) % self.size  # (B,)
        if self.align_to_starts:
            after = np.searchsorted(self.ring.starts, first)
            first = self.ring.starts[after % len(self.ring.starts)]
        places = first + window * self.seq_len + np.arange(self.seq_len)[:, None]
        places %= self.size  # (T, B)
        targets = self.ring.targets[places]
        inputs = self.ring.targets[places - 1]  # at 0 this is the last symbol, but a sequence starts there
        resets = self.ring.is_start(places)
        inputs[resets] = Tokenizer.START
        if not self.align_to_starts:
            self._forget(step, inputs, resets)
        self._read += targets.size
        if self._read > _RELEASE_AFTER:
            self._read = 0
            self.ring.release()
        return Batch(
            torch.from_numpy(inputs.astype(np.int64)),
            torch.from_numpy(targets.astype(np.int64)),
            torch.from_numpy(resets) if resets.any() else None,
            fresh=window == 0,
        )

    def _forget(self, step: int, inputs: NDArray[Any], resets: NDArray[np.bool_]) -> None:
        resets[0] |= uniform(self.seed, _AT_WINDOW, step, self._rows) < STATE_RESET_PROBABILITY
        lines = self.line_ends[inputs]  # (T, B): a line starts here
        forget = (uniform(self.seed, _AT_LINE, step, self._rows) < STATE_RESET_PROBABILITY) & lines.any(axis=0)
        row = np.flatnonzero(forget)
        at = lines.argmax(axis=0)[forget]
        resets[at, row] = True
        inputs[at, row] = Tokenizer.START
