"""Interpolated modified Kneser-Ney: the n-gram model that a neural one is compared with, over the same tokens.

Chen & Goodman 1998, "An empirical study of smoothing techniques for language modeling", TR-10-98, section 3.3:

    P(w | u) = (a(uw) - D(a(uw))) / Σ_x a(ux)  +  γ(u) · P(w | u less its first token)

a is how often an n-gram of the highest order, or one that begins with START, was seen; of any other it is the number
of tokens seen before it. D takes D1, D2 or D3+ from a count of 1, 2, or more, and γ hands on what it took. Below the
unigrams all predictable symbols are equally likely, so that none has probability zero.

An n-gram is known by the number of its context among those one token shorter and by its last symbol: each order is a
sorted array of such keys, and is counted and looked up for all of a text at once.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from charlm.config import check_range
from charlm.scoring.batching import batches
from charlm.tokenizers import Ids, Tokenizer

HIGHEST = 99  # order
_FALL_BACK = (0.5, 1.0, 1.5)  # where counts of counts give no discounts: KenLM's choice
_BATCH_TOKENS = 2**20  # tokens looked up
_UNSEEN = -1

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class _Order:
    """The n-grams of one length, G of them, and what comes after the P that are one token shorter."""

    keys: Numbers  # (G,) ascending: the number of the context · V + the last symbol
    shares: Floats  # (G,): (a - D) / Σ a
    handed_on: Floats  # (P,): γ, which is 1 where nothing was seen to follow


@dataclass(frozen=True)
class KneserNey:
    """`lowest` (V,) are the probabilities of order one; `orders` are those from two on."""

    lowest: Floats
    orders: tuple[_Order, ...]

    @classmethod
    def train(
        cls,
        ids: Ids,
        order: int,
        predictable: NDArray[np.bool_],
        told: Callable[[int], None] = lambda count: None,
    ) -> "KneserNey":
        """Count the n-grams of sequences laid one behind the other, each from its START on.

        predictable: (V,), the symbols that share the probability; what leads to another one is not counted. told:
        hears after each order how many tokens were read once more. Takes about 80 bytes a token, and 24 for each
        n-gram that is kept. Raises ConfigError for an order out of range.
        """
        check_range("order", order, 1, HIGHEST)
        levels = []
        for level in _levels(ids, order, predictable):
            levels.append(level)
            told(len(ids))
        (first, _), *others = levels
        lowest = np.zeros(len(predictable))
        shares, handed_on = _smoothed(first, np.zeros(len(first), dtype=np.int64), 1)
        lowest[predictable] = shares[predictable] + handed_on[0] / max(1, predictable.sum())
        orders = []
        for (adjusted, keys), (before, _) in zip(others, levels, strict=False):
            orders.append(_Order(keys, *_smoothed(adjusted, keys // len(predictable), len(before))))
        return cls(lowest, tuple(orders))

    def log_probabilities(self, rows: Sequence[Ids]) -> list[Floats]:
        """log P(row[t] | what is before it in the row) in nats for t ≥ 1: (n,) → (n - 1,)."""
        found: list[Floats] = []
        for some in batches(rows, len, _BATCH_TOKENS):
            lengths = [len(row) for row in some]
            with np.errstate(divide="ignore"):  # a symbol that cannot be predicted has probability 0
                logprobs = np.log(self._probabilities(np.concatenate(some), lengths))
            found += [logprobs[a + 1 : b] for a, b in pairwise(np.cumsum([0, *lengths]).tolist())]
        return found

    def _probabilities(self, ids: Ids, lengths: Sequence[int]) -> Floats:
        """Of each token of rows laid one behind the other; the first of a row has only its unigram."""
        place = np.concatenate([np.arange(length) for length in lengths])
        found, numbers = self.lowest[ids], ids.astype(np.int64)
        for before, order in enumerate(self.orders, start=1):  # how many tokens of context
            at = np.flatnonzero(place >= before)
            at = at[numbers[at - 1] != _UNSEEN]
            contexts = numbers[at - 1]
            wanted = contexts * len(self.lowest) + ids[at]
            grams = np.searchsorted(order.keys, wanted)
            grams[grams == len(order.keys)] = 0
            seen = order.keys[grams] == wanted if len(order.keys) else np.zeros(len(at), dtype=bool)
            found[at] *= order.handed_on[contexts]
            found[at[seen]] += order.shares[grams[seen]]
            numbers = np.full(len(ids), _UNSEEN)
            numbers[at[seen]] = grams[seen]
        return found


def discounts(counts: Numbers) -> tuple[float, float, float]:
    """D1, D2, D3+ from how many n-grams have an adjusted count of 1, 2, 3 and 4 (Chen & Goodman, equation 26).

    Where these give none, as with few symbols that are all seen often, 1/2, 1 and 3/2.
    """
    one, two, three, four = (int(np.count_nonzero(counts == count)) for count in (1, 2, 3, 4))
    if not (one and two and three and four):
        return _FALL_BACK
    share = one / (one + 2 * two)
    found = (1 - 2 * share * two / one, 2 - 3 * share * three / two, 3 - 4 * share * four / three)
    return found if all(0 < each <= count for count, each in enumerate(found, 1)) else _FALL_BACK


def _levels(ids: Ids, order: int, predictable: NDArray[np.bool_]) -> Iterator[tuple[Numbers, Numbers]]:
    """Of each order the adjusted counts and the keys of its n-grams; one is known when the next has been counted."""
    V = len(predictable)
    places = np.arange(len(ids), dtype=np.int32)
    place = places - np.maximum.accumulate(np.where(ids == Tokenizer.START, places, 0))
    del places
    numbers, keys = ids, np.arange(V)  # of the n-gram that ends at each token, of those counted last
    counts, first = np.bincount(ids, minlength=V), keys == Tokenizer.START
    for length in range(2, order + 1):
        at = np.flatnonzero(place >= length - 1)
        longer = numbers[at - 1].astype(np.int64) * V + ids[at]
        longer, example, inverse, seen = np.unique(longer, return_index=True, return_inverse=True, return_counts=True)
        continued = np.bincount(numbers[at[example]], minlength=len(counts))
        yield _counted(np.where(first, counts, continued), keys, predictable), keys
        numbers = np.full(len(ids), _UNSEEN, dtype=np.int32)
        numbers[at] = inverse
        keys, counts, first = longer, seen, place[at[example]] == length - 1
    yield _counted(counts, keys, predictable), keys


def _counted(counts: Numbers, keys: Numbers, predictable: NDArray[np.bool_]) -> Numbers:
    """Nothing for an n-gram that ends in what cannot be predicted; it is still a context."""
    return np.where(predictable[keys % len(predictable)], counts, 0)


def _smoothed(adjusted: Numbers, contexts: Numbers, size: int) -> tuple[Floats, Floats]:
    """What each n-gram has after the discount (G,), and what each of `size` contexts hands on (P,)."""
    taken: Floats = np.array([0.0, *discounts(adjusted)])[np.minimum(adjusted, 3)]
    totals = np.bincount(contexts, adjusted, size)
    handed_on = np.bincount(contexts, taken, size) / np.maximum(1, totals)
    handed_on[totals == 0] = 1.0
    return (adjusted - taken) / np.maximum(1, totals[contexts]), handed_on
