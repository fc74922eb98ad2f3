"""Random numbers that are a pure function of where they are used.

Nothing is drawn from a hidden stream: the number for (seed, step, row) is computed from those three alone, so a
batch, a held-out line or a sample does not depend on what else was drawn before it or beside it.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014): a bijection that scrambles 64 bits."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def bits(*counters: ArrayLike) -> NDArray[np.uint64]:
    """64 random bits for each tuple of non-negative integers; arrays broadcast against each other."""
    word = np.zeros(1, dtype=np.uint64)  # arrays wrap around silently, scalars would warn
    for counter in counters:
        word = _mix(word * _GOLDEN + np.asarray(counter, dtype=np.uint64) + _GOLDEN)
    return word


def uniform(*counters: ArrayLike) -> NDArray[np.float64]:
    """Numbers in [0, 1) with 53 random bits, one for each tuple of non-negative integers, broadcast; at least 1-d."""
    return (bits(*counters) >> np.uint64(11)).astype(np.float64) * 2.0**-53
