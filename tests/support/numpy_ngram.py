"""Interpolated modified Kneser-Ney: the n-gram model that a neural model is compared with, over the same tokens.

Chen & Goodman 1998, "An empirical study of smoothing techniques for language modeling", TR-10-98, section 3.3:

    P(w | u) = (a(uw) - D(a(uw))) / Σ_x a(ux)  +  γ(u) · P(w | u without its first token)

For an n-gram of the highest order, or one that begins with START, a is its count. For any other n-gram, a is the number
of different tokens seen before it. D is D1, D2 or D3+ for a count of 1, 2, or more, and γ gives the discounted mass to
the lower order. Below the unigrams, all allowed tokens are equally likely, so none has probability zero.

An n-gram is identified by a key: the index of its context among the n-grams one token shorter, and its last token. Each
order is a sorted array of keys, so that all n-grams of a text are counted or looked up at once.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from charlm.batching import batches
from charlm.progress import ignore
from charlm.settings import check_count
from charlm.tokenizers import Ids, Tokenizer

MAX_ORDER = 99
_FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)  # KenLM's choice
_BATCH_TOKENS = 2**20
_UNSEEN = -1  # the index of an n-gram that is not in the model

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class _Order:
    """The G n-grams of one length, whose contexts are the P n-grams that are one token shorter."""

    keys: Integers  # (G,) ascending: index of the context · V + the last token
    shares: Floats  # (G,): (a - D) / Σ a
    backoff: Floats  # (P,): γ, which is 1 for a context that nothing follows


@dataclass(frozen=True)
class KneserNey:
    """A trained n-gram: `unigrams` (V,) are the probabilities of order 1, `orders` are the orders from 2 on."""

    unigrams: Floats
    orders: tuple[_Order, ...]

    @classmethod
    def train(
        cls,
        ids: Ids,
        order: int,
        allowed: NDArray[np.bool_],
        on_progress: Callable[[int], None] = ignore,
    ) -> "KneserNey":
        """Count the n-grams of concatenated sequences, each with its START.

        allowed: mask (V,) of the tokens that share the probability; n-grams that end in another token do not count.
        on_progress: called after each order with the number of tokens. Takes about 80 bytes per token, and 24 for each
        n-gram that is kept. Raises ConfigError for an order out of range.
        """
        check_count("order", order, 1, MAX_ORDER)
        levels = []
        for level in _levels(ids, order, allowed):
            levels.append(level)
            on_progress(len(ids))
        (first, _), *others = levels
        unigrams = np.zeros(len(allowed))
        shares, backoff = _smoothed(first, np.zeros(len(first), dtype=np.int64), 1)
        unigrams[allowed] = shares[allowed] + backoff[0] / max(1, allowed.sum())
        orders = []
        for (adjusted, keys), (before, _) in zip(others, levels, strict=False):
            orders.append(_Order(keys, *_smoothed(adjusted, keys // len(allowed), len(before))))
        return cls(unigrams, tuple(orders))

    def log_probabilities(self, rows: Sequence[Ids]) -> list[Floats]:
        """Return log P(row[t] | the row before t) in nats for t ≥ 1: (n,) → (n - 1,)."""
        results: list[Floats] = []
        for batch in batches(rows, len, _BATCH_TOKENS):
            lengths = [len(row) for row in batch]
            with np.errstate(divide="ignore"):  # a token that is not allowed has probability 0
                logprobs = np.log(self._probabilities(np.concatenate(batch), lengths))
            results += [logprobs[a + 1 : b] for a, b in pairwise(np.cumsum([0, *lengths]).tolist())]
        return results

    def _probabilities(self, ids: Ids, lengths: Sequence[int]) -> Floats:
        """Return P of each token of concatenated rows; the first of a row has only its unigram."""
        position = np.concatenate([np.arange(length) for length in lengths])  # in its row
        # `indices` has, for each token, the index of the n-gram of the current order that ends with it. That n-gram is
        # the context of the next token, so an order is looked up with what the order below found.
        probabilities, indices = self.unigrams[ids], ids.astype(np.int64)
        for context_length, order in enumerate(self.orders, start=1):
            at = np.flatnonzero(position >= context_length)
            at = at[indices[at - 1] != _UNSEEN]  # no context, no longer n-gram: the lower order is the result
            contexts = indices[at - 1]
            wanted = contexts * len(self.unigrams) + ids[at]
            grams = np.searchsorted(order.keys, wanted)
            grams[grams == len(order.keys)] = 0
            seen = order.keys[grams] == wanted if len(order.keys) else np.zeros(len(at), dtype=bool)
            probabilities[at] *= order.backoff[contexts]
            probabilities[at[seen]] += order.shares[grams[seen]]
            indices = np.full(len(ids), _UNSEEN)
            indices[at[seen]] = grams[seen]
        return probabilities


def discounts(counts: Integers) -> tuple[float, float, float]:
    """Return D1, D2, D3+ from the numbers of n-grams with an adjusted count of 1, 2, 3 and 4 (equation 26).

    If these numbers give no valid discounts, as for few tokens that are all frequent, return 1/2, 1 and 3/2.
    """
    one, two, three, four = (int(np.count_nonzero(counts == count)) for count in (1, 2, 3, 4))
    if not (one and two and three and four):
        return _FALLBACK_DISCOUNTS
    share = one / (one + 2 * two)
    values = (1 - 2 * share * two / one, 2 - 3 * share * three / two, 3 - 4 * share * four / three)
    return values if all(0 < each <= count for count, each in enumerate(values, 1)) else _FALLBACK_DISCOUNTS


def _levels(ids: Ids, order: int, allowed: NDArray[np.bool_]) -> Iterator[tuple[Integers, Integers]]:
    """Yield (adjusted counts, keys) of each order, the lowest first.

    The adjusted count of an n-gram is the number of different tokens before it: of different n-grams, one token longer,
    that end with it. So an order is complete only when the next one has been counted.
    """
    V = len(allowed)
    offsets = np.arange(len(ids), dtype=np.int32)
    position = offsets - np.maximum.accumulate(np.where(ids == Tokenizer.START, offsets, 0))  # in its sequence
    del offsets  # as large as the text
    # For each token, the index of the n-gram of the current length that ends with it; a token is its own unigram.
    indices, keys = ids, np.arange(V)
    counts, initial = np.bincount(ids, minlength=V), keys == Tokenizer.START
    for length in range(2, order + 1):
        at = np.flatnonzero(position >= length - 1)  # where an n-gram of this length lies within one sequence
        longer = indices[at - 1].astype(np.int64) * V + ids[at]
        longer, example, inverse, seen = np.unique(longer, return_index=True, return_inverse=True, return_counts=True)
        # Each different longer n-gram has one example in the text. The n-gram of the current length that ends with the
        # same token is its suffix, so counting the suffixes of the examples counts the different tokens before each.
        different = np.bincount(indices[at[example]], minlength=len(counts))
        yield _without_forbidden(np.where(initial, counts, different), keys, allowed), keys  # nothing precedes START
        indices = np.full(len(ids), _UNSEEN, dtype=np.int32)
        indices[at] = inverse
        keys, counts, initial = longer, seen, position[at[example]] == length - 1
    yield _without_forbidden(counts, keys, allowed), keys


def _without_forbidden(counts: Integers, keys: Integers, allowed: NDArray[np.bool_]) -> Integers:
    """Return the counts, with 0 for an n-gram that ends in a token that is not allowed; it is still a context."""
    return np.where(allowed[keys % len(allowed)], counts, 0)


def _smoothed(adjusted: Integers, contexts: Integers, size: int) -> tuple[Floats, Floats]:
    """Return the discounted share of each n-gram (G,), and γ of each of `size` contexts (P,)."""
    discounted: Floats = np.array([0.0, *discounts(adjusted)])[np.minimum(adjusted, 3)]
    totals = np.bincount(contexts, adjusted, size)
    backoff = np.bincount(contexts, discounted, size) / np.maximum(1, totals)
    backoff[totals == 0] = 1.0
    return (adjusted - discounted) / np.maximum(1, totals[contexts]), backoff
