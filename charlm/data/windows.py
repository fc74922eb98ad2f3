"""Training windows as a pure function of (seed, step): no shuffling, and no state to save.

All sequences are concatenated to a ring. A pass begins at a random offset of the ring. From there, B rows at equal
distances are read in parallel, window after window of T tokens; the network carries its state from window to window.
"""

import mmap
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charlm.errors import CorpusError
from charlm.randomness import bits, uniform
from charlm.tokenizers import Tokenizer

# Chance that a row resets its state in a window in stream mode, for each of the two kinds of reset. It makes the model
# predict the beginning of a prompt well.
STATE_RESET_PROBABILITY = 0.05
_RELEASE_AFTER = 2**24  # targets; those read from a mapped file stay in memory until they are released
_OFFSET, _AT_WINDOW, _AT_LINE = range(3)  # uses of random numbers; each use has a series of its own


class TokenRing(NamedTuple):
    """Concatenated sequences: the targets (N,), and the ascending offsets at which sequences start, the first 0.

    `mappings` are the mapped files of a ring that is not in memory, and of its figures.
    """

    targets: NDArray[Any]  # an integer type
    starts: NDArray[np.int64]
    mappings: tuple[mmap.mmap, ...] = ()

    def is_start(self, offsets: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return, for each offset, whether a sequence starts there."""
        before = np.searchsorted(self.starts, offsets, side="right") - 1
        starts: NDArray[np.bool_] = self.starts[before] == offsets
        return starts

    def check(self) -> None:
        """Raise CorpusError if a mapped file was truncated, since reading past its end would kill the process."""
        if any(each.size() < len(each) for each in self.mappings):
            raise CorpusError("a file of the cache was truncated while charlm was reading it", remedy="train_again")

    def release(self) -> None:
        """Release the memory of the mapped files; the system loads them again when they are read."""
        for each in self.mappings:
            if hasattr(mmap, "MADV_DONTNEED"):
                with suppress(OSError):  # a file system may ignore the advice or refuse it
                    each.madvise(mmap.MADV_DONTNEED)


class Batch(NamedTuple):
    """One window of all B rows, or of some. If `fresh`, a pass begins, and the rows start with a zero state."""

    inputs: Tensor  # (T, B)
    targets: Tensor  # (T, B)
    resets: Tensor | None  # (T, B), True where a sequence starts; None if none does
    fresh: bool
    figures: Tensor | None = None  # (T, B, n), what counts say about each target; None without counts

    @property
    def rows(self) -> int:
        """B."""
        return self.inputs.shape[1]

    @property
    def weight(self) -> int:
        """B: every row has the same number of targets."""
        return self.rows

    def part(self, rows: slice, device: torch.device) -> "Batch":
        """Return some of the rows, on a device."""
        resets, figures = (None if each is None else each[:, rows].to(device) for each in (self.resets, self.figures))
        return Batch(self.inputs[:, rows].to(device), self.targets[:, rows].to(device), resets, self.fresh, figures)

    def cut(self, length: int) -> "Batch":
        """Return the first tokens of each row."""
        resets, figures = (None if each is None else each[:length] for each in (self.resets, self.figures))
        return Batch(self.inputs[:length], self.targets[:length], resets, self.fresh, figures)


class TrainingWindows:
    """Windows of a ring: `windows[step]` is the batch of one step, for any step ≥ 0.

    `align_to_starts`: each row begins a pass at the start of a sequence (line mode). Otherwise (stream mode) it begins
    anywhere, and resets its state from time to time: half of the resets are at the start of a window, half at the start
    of a line, where START replaces the input.

    `line_ends`: (V,), the tokens that end a line. `select_rows`: takes the number of rows and returns those to build;
    by default, all.

    `figures`: returns the figures of the targets at the offsets (T, B) by the counts, as (T, B, n) with 1 in the last
    column. A window has 0 there if the counts see more of the text than the network, because its state was reset.
    `context`: the largest number of tokens of context that the counts use.
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
        figures: Callable[[NDArray[np.int64]], NDArray[np.float32]] | None = None,
        context: int = 0,
    ) -> None:
        self.ring, self.seed, self.align_to_starts, self.line_ends = ring, seed, align_to_starts, line_ends
        self.size = len(ring.targets)  # N
        self.seq_len = min(seq_len, self.size)  # T
        self.batch_size = min(batch_size, self.size // self.seq_len)  # B
        self._rows = np.arange(self.batch_size)[select_rows(self.batch_size)]
        self.steps_per_epoch = self.size // (self.seq_len * self.batch_size)
        self.figures, self.context = figures, context
        self._read = 0  # targets since the ring was released

    @property
    def tokens_per_step(self) -> int:
        """B · T."""
        return self.batch_size * self.seq_len

    @property
    def targets_per_step(self) -> int:
        """B · T: each token is a target."""
        return self.tokens_per_step

    def __getitem__(self, step: int) -> Batch:
        self.ring.check()
        epoch, window = divmod(step, self.steps_per_epoch)
        offset = int(bits(self.seed, _OFFSET, epoch)[0] % np.uint64(self.size))
        first = (offset + self._rows * self.size // self.batch_size) % self.size  # (B,)
        if self.align_to_starts:
            after = np.searchsorted(self.ring.starts, first)
            first = self.ring.starts[after % len(self.ring.starts)]
        offsets = first + window * self.seq_len + np.arange(self.seq_len)[:, None]
        offsets %= self.size  # (T, B)
        targets = self.ring.targets[offsets]
        inputs = self.ring.targets[offsets - 1]  # at offset 0 this is the last token, but START replaces it
        resets = self.ring.is_start(offsets)
        inputs[resets] = Tokenizer.START
        starts = resets.copy()
        if not self.align_to_starts:
            self._add_resets(step, inputs, resets)
        self._read += targets.size
        if self._read > _RELEASE_AFTER:
            self._read = 0
            self.ring.release()
        return Batch(
            torch.from_numpy(inputs.astype(np.int64)),
            torch.from_numpy(targets.astype(np.int64)),
            torch.from_numpy(resets) if resets.any() else None,
            fresh=window == 0,
            figures=None if self.figures is None else self._figures(offsets, resets & ~starts),
        )

    def _figures(self, offsets: NDArray[np.int64], chosen: NDArray[np.bool_]) -> Tensor:
        """Return what counts say about the targets of a window, (T, B, n); `chosen` are the resets by chance."""
        assert self.figures is not None
        figures = self.figures(offsets)
        alone = np.zeros_like(chosen)
        for t, row in zip(*np.nonzero(chosen), strict=True):
            alone[t : t + self.context, row] = True
        figures[..., -1] = ~alone
        return torch.from_numpy(figures)

    def _add_resets(self, step: int, inputs: NDArray[Any], resets: NDArray[np.bool_]) -> None:
        """Reset rows by chance: at the start of the window, or at the first line that starts in it."""
        resets[0] |= uniform(self.seed, _AT_WINDOW, step, self._rows) < STATE_RESET_PROBABILITY
        lines = self.line_ends[inputs]  # (T, B): a line starts here
        chosen = (uniform(self.seed, _AT_LINE, step, self._rows) < STATE_RESET_PROBABILITY) & lines.any(axis=0)
        row = np.flatnonzero(chosen)
        at = lines.argmax(axis=0)[chosen]
        resets[at, row] = True
        inputs[at, row] = Tokenizer.START
