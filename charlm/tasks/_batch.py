"""The batches of a run."""

from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    import torch


class Batch(Protocol):
    """What a network reads in one training step. Only the network's `read` uses its other fields."""

    @property
    def fresh(self) -> bool:
        """Whether all rows begin with a zero state."""

    @property
    def rows(self) -> int:
        """Number of rows in this process."""

    @property
    def weight(self) -> int:
        """The weight of the mean loss of this batch among other batches: proportional to its targets."""

    def part(self, rows: slice, device: "torch.device") -> Self:
        """Return some of the rows, on a device."""

    def cut(self, length: int) -> Self:
        """Return the first `length` steps in time."""


class Batches(Protocol):
    """The batches of a run as a pure function of (seed, step): `batches[step]` for any step ≥ 0.

    size: tokens read in one pass over the data. batch_size, seq_len: rows of a batch, of all processes together, and
    their length at most.
    """

    size: int
    batch_size: int
    seq_len: int

    steps_per_epoch: int

    @property
    def tokens_per_step(self) -> int:
        """Tokens that are read in a step, on average."""

    @property
    def targets_per_step(self) -> int:
        """Targets of a step, on average."""

    def __getitem__(self, step: int) -> Batch: ...
