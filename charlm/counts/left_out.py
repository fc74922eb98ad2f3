"""Look up every token of the counted text in counts that leave its own block of the text out."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charlm.counts.collect import Depth, adjusted_counts, pairs, removed_counts
from charlm.counts.figures import MOST_FOLLOWERS, Figures, Statistics, log2_of_counts, logarithms
from charlm.counts.smoothing import Floats, discounted
from charlm.counts.text import Integers, Text


def left_out(
    text: Text,
    order: int,
    predictable: NDArray[np.bool_],
    cuts: Sequence[int],
    discounts: Sequence[Sequence[float]],
    blocks: Integers,
) -> Figures:
    """Return the figures of each token of a text (N,) without the counts of its block. blocks: (N,)."""
    N = len(text.ids)
    probabilities = np.where(predictable[text.ids] & (text.context > 0), 1 / max(1, predictable.sum()), 0.0)
    statistics = Statistics(*(np.zeros(N, dtype=np.uint8) for _ in range(3)))
    for k, (depth, below) in enumerate(pairs(text, order, len(predictable), blocks)):
        counts, adjusted = adjusted_counts(depth, below, text, predictable)
        removed = removed_counts(depth, below, predictable)
        grams = depth.block_grams
        without = adjusted[grams] - removed
        kept = (counts >= cuts[k]) & (adjusted > 0)
        kept_without = (counts[grams] - depth.block_counts >= cuts[k]) & (without > 0)
        value = kept * discounted(adjusted, discounts[k])
        value_without = kept_without * discounted(without, discounts[k])

        # A part is what a node has in one block. Its sums are those of the node without what the block changes.
        count = int(blocks.max(initial=0)) + 1
        keys, part, sizes = np.unique(depth.node * count + blocks[depth.at], return_inverse=True, return_counts=True)
        parts = _Parts(depth, keys // count, part[depth.block_example])
        totals = parts.sums(adjusted, removed)
        mass = parts.sums(value, value[grams] - value_without)
        followers = np.rint(parts.sums(kept, kept[grams].astype(int) - kept_without)).astype(np.int64)
        times = np.bincount(depth.node, minlength=len(depth.node_tokens))[parts.node] - sizes

        rows = followers[part] > 0
        at, part, block = depth.at[rows], part[rows], depth.block[rows]
        backoff = 1 - mass[part] / totals[part]
        probabilities[at] = value_without[block] / totals[part] + backoff * probabilities[at]
        statistics.depth[at] = k
        statistics.counts[at] = log2_of_counts(times)[part]
        statistics.followers[at] = np.minimum(followers, MOST_FOLLOWERS)[part]
    probabilities[~predictable[text.ids]] = 0.0
    return Figures(logarithms(probabilities), statistics)


class _Parts(NamedTuple):
    """The parts of the nodes of a depth: the node of each, and the part that each block of a gram changes."""

    depth: Depth
    node: Integers
    changed: Integers

    def sums(self, of_grams: NDArray[Any], change: NDArray[Any]) -> Floats:
        """Return the sum over the followers of the node of each part, less the changes."""
        whole: NDArray[Any] = np.bincount(self.depth.gram_nodes, of_grams, len(self.depth.node_tokens))
        sums: Floats = whole[self.node] - np.bincount(self.changed, change, len(self.node))
        return sums
