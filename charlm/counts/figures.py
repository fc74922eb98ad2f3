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


GUESSES = 2
_ROUNDED_ONE = 255


class Guesses(NamedTuple):
    """The likeliest tokens (..., GUESSES) after each context, the first one first, and their probabilities.

    Of equally likely tokens, the one with the lower id comes first. To save memory, rounded probabilities are uint8, in
    255ths.
    """

    tokens: NDArray[Any]
    chances: NDArray[Any]

    @classmethod
    def of(cls, probabilities: NDArray[np.float32]) -> "Guesses":
        """Return the guesses (N, GUESSES) of distributions (N, V)."""
        rest, rows = probabilities.copy(), np.arange(len(probabilities))
        tokens = np.empty((len(rest), GUESSES), dtype=np.int64)
        for number in range(GUESSES):
            tokens[:, number] = rest.argmax(axis=1)
            rest[rows, tokens[:, number]] = -1
        return cls(tokens, np.take_along_axis(probabilities, tokens, axis=1))

    def rounded(self) -> "Guesses":
        """Return the guesses with rounded probabilities."""
        return self._replace(chances=(self.chances * _ROUNDED_ONE + np.float32(0.5)).astype(np.uint8))

    def decoded(self) -> "Guesses":
        """Return the guesses with probabilities as float32, from rounded ones."""
        return self._replace(chances=self.chances / np.float32(_ROUNDED_ONE))


class Figures(NamedTuple):
    """log P (N,) of each token of a text in nats, and the statistics of its context.

    START, and a token that cannot occur, have log P = -inf.
    """

    logprobs: NDArray[np.float32]
    context: Statistics
    guesses: Guesses | None = None

    def select(self, rows: Any) -> "Figures":
        """Return the figures of some tokens."""
        guesses = self.guesses and Guesses(*(each[rows] for each in self.guesses))
        return Figures(self.logprobs[rows], self.context.select(rows), guesses)


def log2_of_counts(counts: NDArray[Any]) -> NDArray[np.uint8]:
    """Return ⌊log2(1 + count)⌋ of each count."""
    return np.searchsorted(_BOUNDS, counts.astype(np.uint64) + np.uint64(1), side="right").astype(np.uint8)


def logarithms(probabilities: NDArray[Any]) -> NDArray[np.float32]:
    """Return log P in the memory of P, if P is float32; -inf for 0."""
    with np.errstate(divide="ignore"):
        logprobs: NDArray[np.float32] = np.log(probabilities, out=probabilities).astype(np.float32, copy=False)
    return logprobs
