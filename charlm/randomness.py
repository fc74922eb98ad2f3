"""Random numbers as a pure function of counters.

There is no generator with a hidden state. The number for (seed, step, row) is computed from these three integers alone,
so a batch, a held-out line, or a sample does not depend on any other draw.
"""

import os

import numpy as np
from numpy.typing import ArrayLike, NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scramble 64 bits by a bijection, the finalizer of SplitMix64 (Steele, Lea and Flood 2014)."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def bits(*counters: ArrayLike) -> NDArray[np.uint64]:
    """Return 64 random bits for each tuple of non-negative integers. Arrays are broadcast."""
    word = np.zeros(1, dtype=np.uint64)  # an array, because numpy warns when a scalar overflows
    for counter in counters:
        word = _mix(word * _GOLDEN + np.asarray(counter, dtype=np.uint64) + _GOLDEN)
    return word


def uniform(*counters: ArrayLike) -> NDArray[np.float64]:
    """Return a number in [0, 1) with 53 random bits for each tuple of non-negative integers.

    Arrays are broadcast; the result has at least one dimension.
    """
    return (bits(*counters) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def new_seed() -> int:
    """Return a seed from the operating system, short enough to type again."""
    return int.from_bytes(os.urandom(4), "little")
