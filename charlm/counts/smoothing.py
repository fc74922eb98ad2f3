"""Interpolated modified Kneser-Ney: probabilities from counts.

Chen & Goodman 1998, "An empirical study of smoothing techniques for language modeling", TR-10-98, section 3.3:

    P(w | u) = (a(uw) - D(a(uw))) / Σ_x a(ux)  +  γ(u) · P(w | u without its first token)

For an n-gram of the highest order, or one that begins with START, a is its count. For any other n-gram, a is the number
of different tokens seen before it. D is D1, D2 or D3+ for a count of 1, 2, or more, and γ gives the discounted mass to
the lower order, with the mass of n-grams that were dropped. Below the unigrams, all predictable tokens are equally
likely, so none has probability zero.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)  # KenLM's choice
_STEPS = 2048  # steps of a stored share for each factor of two: an error of at most 0.02 %
_LARGEST_CODE = 2**16 - 1


def discounts(numbers: Sequence[int]) -> tuple[float, float, float]:
    """Return D1, D2, D3+ from the numbers of n-grams with an adjusted count of 1, 2, 3 and 4 (equation 26).

    If these numbers give no valid discounts, as for few tokens that are all frequent, return 1/2, 1 and 3/2.
    """
    one, two, three, four = map(int, numbers)
    if not (one and two and three and four):
        return _FALLBACK_DISCOUNTS
    share = one / (one + 2 * two)
    values = (1 - 2 * share * two / one, 2 - 3 * share * three / two, 3 - 4 * share * four / three)
    return values if all(0 < each <= count for count, each in enumerate(values, 1)) else _FALLBACK_DISCOUNTS


def discounted(adjusted: NDArray[Any], discount: Sequence[float]) -> Floats:
    """Return a - D(a) of each adjusted count, 0 for 0."""
    values: Floats = adjusted - np.array([0.0, *discount])[np.minimum(adjusted, 3)]
    return values


def encode_shares(shares: Floats, follower_starts: NDArray[np.int64]) -> NDArray[np.uint16]:
    """Round shares on a logarithmic scale: a code c stands for 2 ** (-c / 2048).

    A node whose rounded shares would leave its backoff less than half of what it should be is rounded down.
    """
    exact = -_STEPS * np.log2(shares)
    codes = np.minimum(np.rint(exact), _LARGEST_CODE)
    backoff = 1 - _sums(shares, follower_starts)
    tight = 1 - _sums(2 ** (-codes / _STEPS), follower_starts) < backoff / 2
    if tight.any():
        rows = np.repeat(tight, np.diff(follower_starts))
        codes[rows] = np.minimum(np.ceil(exact[rows]), _LARGEST_CODE)
    rounded: NDArray[np.uint16] = codes.astype(np.uint16)
    return rounded


def share_codes(shares: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Return the codes of rounded shares."""
    codes: NDArray[np.uint16] = np.rint(-_STEPS * np.log2(shares.astype(np.float64))).astype(np.uint16)
    return codes


def decode_shares(codes: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Return the shares that the codes stand for."""
    table: NDArray[np.float32] = (2 ** (-np.arange(_LARGEST_CODE + 1) / _STEPS)).astype(np.float32)
    return table[codes]


def backoffs(shares: NDArray[np.float32], follower_starts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return γ of each node: what its shares leave."""
    return (1 - _sums(shares.astype(np.float64), follower_starts)).astype(np.float32)


def _sums(values: Floats, starts: NDArray[np.int64]) -> Floats:
    """Return the sum of each row, none of which is empty; row i is values[starts[i] : starts[i + 1]]."""
    return np.add.reduceat(values, starts[:-1]) if len(values) else np.zeros(0)
