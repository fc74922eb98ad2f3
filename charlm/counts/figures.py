"""What the counts say about each token of a text."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST_FOLLOWERS = 255
_BOUNDS = 2 ** np.arange(1, 64, dtype=np.uint64)


class Statistics(NamedTuple):
    """Statistics (N,) of the longest context of each token that was seen.

    depth: tokens of that context, 0 if none was seen. counts: ⌊log2(1 + its count)⌋. followers: different tokens that
    follow it, at most 255.
    """

    depth: NDArray[np.uint8]
    counts: NDArray[np.uint8]
    followers: NDArray[np.uint8]

    def select(self, rows: Any) -> "Statistics":
        """Return the statistics of some tokens."""
        return Statistics(self.depth[rows], self.counts[rows], self.followers[rows])


class Figures(NamedTuple):
    """log P (N,) of each token of a text in nats, and the statistics of its context.

    START, and a token that cannot occur, have log P = -inf.
    """

    logprobs: NDArray[np.float32]
    context: Statistics

    def select(self, rows: Any) -> "Figures":
        """Return the figures of some tokens."""
        return Figures(self.logprobs[rows], self.context.select(rows))


def log2_of_counts(counts: NDArray[Any]) -> NDArray[np.uint8]:
    """Return ⌊log2(1 + count)⌋ of each count."""
    return np.searchsorted(_BOUNDS, counts.astype(np.uint64) + np.uint64(1), side="right").astype(np.uint8)


def logarithms(probabilities: NDArray[Any]) -> NDArray[np.float32]:
    """Return log P in the memory of P, if P is float32; -inf for 0."""
    with np.errstate(divide="ignore"):
        logprobs: NDArray[np.float32] = np.log(probabilities, out=probabilities).astype(np.float32, copy=False)
    return logprobs
