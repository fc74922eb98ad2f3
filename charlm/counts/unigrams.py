"""Probabilities of the unigrams, and without what is left out of the counted text."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charlm.counts.figures import MOST_FOLLOWERS, log2_of_counts
from charlm.counts.smoothing import discounted
from charlm.counts.text import Integers


class Unigrams(NamedTuple):
    """Probabilities and statistics (V, C): C is the number of blocks, or 2: what a token loses without itself."""

    unigrams: NDArray[np.float32]
    counts: NDArray[np.uint8]
    followers: NDArray[np.uint8]


def without_blocks(
    adjusted: Integers, removed: Integers, discount: Sequence[float], predictable: NDArray[np.bool_], ranks: Integers
) -> Unigrams:
    """Return the unigrams without each of B blocks.

    adjusted: (V,). removed: (V, B), what the adjusted counts lose. ranks: (B,), the counts of the empty context.
    """
    remaining = adjusted[:, None] - np.where(predictable[:, None], removed, 0)
    totals = remaining.sum(axis=0)
    values = discounted(remaining, discount)
    followers = np.count_nonzero(remaining, axis=0)
    counts = np.where(followers > 0, log2_of_counts(ranks), 0)
    return _unigrams(values, totals, values.sum(axis=0), counts, followers, predictable)


def without_tokens(
    adjusted: Integers, discount: Sequence[float], predictable: NDArray[np.bool_], ranks: int
) -> Unigrams:
    """Return the unigrams if the adjusted count of the token loses nothing, and if it loses 1.

    ranks: the count of the empty context with the token.
    """
    lost = np.array([0, 1]) * (adjusted > 0)[:, None]
    remaining = adjusted[:, None] - lost
    values, whole = discounted(remaining, discount), discounted(adjusted, discount)
    followers = np.count_nonzero(adjusted) - (adjusted > 0)[:, None] + (remaining > 0)
    counts = np.where(followers > 0, log2_of_counts(np.array([ranks - 1])), 0)
    return _unigrams(
        values, adjusted.sum() - lost, whole.sum() - whole[:, None] + values, counts, followers, predictable
    )


def _unigrams(
    values: NDArray[np.float64],
    totals: Integers,
    mass: NDArray[np.float64],
    counts: NDArray[np.uint8],
    followers: Integers,
    predictable: NDArray[np.bool_],
) -> Unigrams:
    base = predictable[:, None] / max(1, predictable.sum())
    safe = np.maximum(totals, 1)
    probabilities = np.where(totals > 0, values / safe + (1 - mass / safe) * base, base).astype(np.float32)
    shape = probabilities.shape
    capped = np.minimum(followers, MOST_FOLLOWERS).astype(np.uint8)
    return Unigrams(
        probabilities,
        np.ascontiguousarray(np.broadcast_to(counts.astype(np.uint8), shape)),
        np.ascontiguousarray(np.broadcast_to(capped, shape)),
    )
