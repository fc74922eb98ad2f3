"""Count the n-grams of a text of every order: a tree of contexts, and what follows each.

A node of depth k is a context of k tokens. Its parent is the context without its first token, so that all contexts of
a token lie on one path from the root. The nodes of a depth are ordered by parent and then by first token, and the
followers of a node by token.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charlm.counts.text import Text
from charlm.tokenizers import Tokenizer

Integers = NDArray[np.int64]
MOST = 255  # larger counts of n-grams are treated as this one when n-grams are dropped


class Level(NamedTuple):
    """The n nodes of one depth that are kept, and their m followers, in the order of the nodes."""

    tokens: NDArray[Any]  # (n,): the first token of each context
    parents: Integers  # (n,): its index in the level above
    counts: NDArray[Any]  # (n,): how often the context occurs
    totals: Integers  # (n,): Σ a of all its followers, also of dropped ones
    starts: Integers  # (n + 1,): where its followers begin
    following: NDArray[Any]  # (m,): tokens
    adjusted: NDArray[Any]  # (m,): a


class Tally(NamedTuple):
    """What one depth has before anything is dropped."""

    numbers: Integers  # (4,): n-grams with an adjusted count of 1, 2, 3 and 4
    grams: Integers  # (MOST + 1,): n-grams of each count
    nodes: Integers  # (MOST + 1,): nodes by the count of their most frequent follower


class Depth(NamedTuple):
    """The positions of a text whose context has k tokens or more, with the node and the n-gram of each.

    A gram is a node with a follower. A block of a gram is the gram within one block of the text.
    """

    at: Integers  # (p,) positions
    node: Integers  # (p,)
    gram: Integers  # (p,)
    block: Integers  # (p,): index of the block of the gram
    node_tokens: Integers  # (n,)
    node_parents: Integers  # (n,)
    gram_nodes: Integers  # (g,)
    gram_tokens: Integers  # (g,)
    gram_counts: Integers  # (g,)
    gram_example: Integers  # (g,): an index into `at`
    block_grams: Integers  # (b,)
    block_counts: Integers  # (b,)
    block_example: Integers  # (b,): an index into `at`


def collect(text: Text, order: int, predictable: NDArray[np.bool_]) -> Iterator[tuple[Level, Tally, Integers]]:
    """Yield each level of the tree, from the root, with its tally and the count of each n-gram (m,)."""
    for depth, below in pairs(text, order, len(predictable)):
        counts, adjusted = adjusted_counts(depth, below, text, predictable)
        known = adjusted > 0
        largest = np.zeros(len(depth.node_tokens), dtype=np.int64)
        np.maximum.at(largest, depth.gram_nodes[known], counts[known])
        tally = Tally(
            np.array([np.count_nonzero(adjusted == count) for count in (1, 2, 3, 4)]),
            np.bincount(np.minimum(counts[known], MOST), minlength=MOST + 1),
            np.bincount(np.minimum(largest[largest > 0], MOST), minlength=MOST + 1),
        )
        level = Level(
            depth.node_tokens,
            depth.node_parents,
            np.bincount(depth.node, minlength=len(largest)),
            np.bincount(depth.gram_nodes, adjusted, len(largest)).astype(np.int64),
            np.concatenate([[0], np.cumsum(np.bincount(depth.gram_nodes[known], minlength=len(largest)))]),
            depth.gram_tokens[known],
            adjusted[known],
        )
        yield level, tally, counts[known]


def drop(levels: Sequence[Level], counts: Sequence[Integers], cuts: Sequence[int]) -> list[Level]:
    """Drop the n-grams that occur less often than the cut of their level, and the nodes without followers.

    The cuts must not fall from one level to the next, so that the parent of a node that is kept is kept.
    """
    kept_levels = []
    position = np.zeros(1, dtype=np.int64)  # of each node of the level above among those that are kept
    for level, gram_counts, cut in zip(levels, counts, cuts, strict=True):
        sizes = np.diff(level.starts)
        grams = gram_counts >= cut
        followers = np.bincount(np.repeat(np.arange(len(sizes)), sizes)[grams], minlength=len(sizes))
        nodes = followers > 0
        kept_levels.append(
            Level(
                level.tokens[nodes],
                position[level.parents[nodes]],
                level.counts[nodes],
                level.totals[nodes],
                np.concatenate([[0], np.cumsum(followers[nodes])]),
                level.following[grams],
                level.adjusted[grams],
            )
        )
        position = np.cumsum(nodes) - 1
    return kept_levels


def pairs(text: Text, order: int, size: int, blocks: Integers | None = None) -> Iterator[tuple[Depth, "Depth | None"]]:
    """Yield each depth of a text from the root with the depth below it. blocks: (N,), the block of each position."""
    depth = _root(text, size, blocks)
    for length in range(1, order):
        below = _below(depth, text, length, size, blocks)
        yield depth, below
        depth = below
    yield depth, None


def adjusted_counts(
    depth: Depth, below: Depth | None, text: Text, predictable: NDArray[np.bool_]
) -> tuple[Integers, Integers]:
    """Return the count and the adjusted count of each gram; a token that is not predictable counts 0 after a node."""
    adjusted = depth.gram_counts
    if below is not None:
        # Each gram below has one example, where a gram of this depth ends too. One that begins with START has none.
        above = depth.gram[_rows_of(below, depth)[below.gram_example]]
        different = np.bincount(above, minlength=len(adjusted))
        adjusted = np.where(_begins_with_start(depth), adjusted, different)
    return depth.gram_counts, np.where(predictable[depth.gram_tokens], adjusted, 0)


def removed_counts(depth: Depth, below: Depth | None, predictable: NDArray[np.bool_]) -> Integers:
    """Return what the adjusted count of each block's gram loses without the block."""
    removed = depth.block_counts
    if below is not None:
        only = below.block_counts == below.gram_counts[below.block_grams]  # grams that no other block has
        above = depth.block[_rows_of(below, depth)[below.block_example[only]]]
        different = np.bincount(above, minlength=len(removed))
        removed = np.where(_begins_with_start(depth)[depth.block_grams], removed, different)
    return np.where(predictable[depth.gram_tokens[depth.block_grams]], removed, 0)


def _begins_with_start(depth: Depth) -> NDArray[np.bool_]:
    result: NDArray[np.bool_] = depth.node_tokens[depth.gram_nodes] == Tokenizer.START
    return result


def _rows_of(below: Depth, depth: Depth) -> Integers:
    """Return the index into `depth.at` of each position of the depth below."""
    return np.searchsorted(depth.at, below.at)


def _root(text: Text, size: int, blocks: Integers | None) -> Depth:
    at = np.flatnonzero(text.context > 0)
    none = np.zeros(1, dtype=np.int64)
    return _grouped(text, at, np.zeros(len(at), dtype=np.int64), none, none, size, blocks)


def _below(depth: Depth, text: Text, length: int, size: int, blocks: Integers | None) -> Depth:
    """Return the depth of contexts of `length` tokens."""
    longer = text.context[depth.at] >= length
    at = depth.at[longer]
    keys, node = np.unique(depth.node[longer] * size + text.ids[at - length], return_inverse=True)
    return _grouped(text, at, node, keys % size, keys // size, size, blocks)


def _grouped(
    text: Text,
    at: Integers,
    node: Integers,
    node_tokens: Integers,
    node_parents: Integers,
    size: int,
    blocks: Integers | None,
) -> Depth:
    keys, example, gram, counts = np.unique(
        node * size + text.ids[at], return_index=True, return_inverse=True, return_counts=True
    )
    within = (gram, np.arange(len(keys)), counts, example)
    if blocks is not None:
        of = blocks[at]
        count = int(of.max(initial=0)) + 1
        both, first, block, times = np.unique(
            gram * count + of, return_index=True, return_inverse=True, return_counts=True
        )
        within = (block, both // count, times, first)
    block, block_grams, block_counts, block_example = within
    return Depth(
        at,
        node,
        gram,
        block,
        node_tokens,
        node_parents,
        keys // size,
        keys % size,
        counts,
        example,
        block_grams,
        block_counts,
        block_example,
    )
