"""The tree of contexts with probabilities: look up the tokens of a text, or whole distributions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charlm.counts.collect import Level
from charlm.counts.figures import MOST_FOLLOWERS, Figures, Guesses, Statistics, log2_of_counts, logarithms
from charlm.counts.look_up import CompiledTree
from charlm.counts.native.library import library
from charlm.counts.smoothing import backoffs, decode_shares, discounted, encode_shares
from charlm.counts.text import Integers, Text, id_type
from charlm.tokenizers import Tokenizer

Shares = NDArray[np.float32]


@dataclass(frozen=True)
class Nodes:
    """The n nodes of one depth below P nodes, and their m followers. `text.id_type` gives the type of tokens."""

    tokens: NDArray[Any]  # (n,): the first token of each context
    children: NDArray[np.uint32]  # (P + 1,): where the nodes below each node of the level above begin
    counts: NDArray[np.uint8]  # (n,): ⌊log2(1 + count)⌋
    starts: NDArray[np.uint32]  # (n + 1,): where the followers of each node begin
    following: NDArray[Any]  # (m,): tokens
    shares: Shares  # (m,): (a - D) / Σ a
    backoff: Shares  # (n,): γ

    @cached_property
    def node_keys(self) -> Integers:
        """(n,) ascending: node of the level above, and token."""
        return _keys(self.children, self.tokens)

    @cached_property
    def gram_keys(self) -> Integers:
        """(m,) ascending: node, and follower."""
        return _keys(self.starts, self.following)


@dataclass(frozen=True)
class Tree:
    """The probabilities of the unigrams (V,), the statistics of the empty context, and the levels below it."""

    unigrams: Shares
    count: int  # of the empty context, as in Figures
    followers: int  # of the empty context, as in Figures
    levels: tuple[Nodes, ...]

    @cached_property
    def compiled(self) -> CompiledTree | None:
        """This tree for the compiled library, if there is one."""
        if library() is None:
            return None
        levels = [[getattr(level, field.name) for field in fields(level)] for level in self.levels]
        return CompiledTree(self.unigrams, self.count, self.followers, levels)

    def look_up(self, text: Text) -> Figures:
        """Return the figures of each token of a text (N,)."""
        if self.compiled is not None:
            return self.compiled.look_up(text)
        N = len(text.ids)
        probabilities = np.zeros(N)
        depth, counts, followers = (np.zeros(N, dtype=np.uint8) for _ in range(3))
        counts[:] = self.count
        followers[:] = self.followers
        at = np.flatnonzero(text.context > 0)
        probabilities[at] = self.unigrams[text.ids[at]]
        node = np.zeros(len(at), dtype=np.int64)
        for k, level in enumerate(self.levels, start=1):
            longer = text.context[at] >= k
            at, node = at[longer], node[longer]
            node, known = _find(level.node_keys, node << 32 | text.ids[at - k].astype(np.int64))
            at, node = at[known], node[known]
            gram, seen = _find(level.gram_keys, node << 32 | text.ids[at].astype(np.int64))
            probabilities[at] *= level.backoff[node]
            probabilities[at[seen]] += level.shares[gram[seen]]
            depth[at], counts[at] = k, level.counts[node]
            followers[at] = np.minimum(np.diff(level.starts)[node], MOST_FOLLOWERS)
        return Figures(logarithms(probabilities), Statistics(depth, counts, followers))

    def look_up_after(self, contexts: NDArray[Any], targets: NDArray[Any]) -> Figures:
        """Return the figures of targets (N,) after contexts (N, C), as `distributions` has them."""
        if self.compiled is not None:
            return self.compiled.look_up_after(_whole(contexts), _whole(targets))
        last = contexts[:, max(0, contexts.shape[1] - len(self.levels)) :]
        known = np.concatenate((np.full((len(targets), 1), -1), last), axis=1)  # before the context: an unknown token
        ids = np.concatenate((known, targets[:, None]), axis=1).astype(id_type(len(self.unigrams)))
        started = known[:, ::-1] == Tokenizer.START
        lengths = np.zeros(ids.shape, dtype=np.uint8)
        lengths[:, -1] = np.where(started.any(axis=1), started.argmax(axis=1) + 1, known.shape[1])
        return self.look_up(Text(ids.ravel(), lengths.ravel())).select(slice(ids.shape[1] - 1, None, ids.shape[1]))

    def distributions(self, contexts: NDArray[Any]) -> tuple[Shares, Statistics]:
        """Return the probabilities (N, V) after contexts (N, C), and statistics (N,) of the contexts.

        A number that stands for no token, such as -1, is an unknown token, which is in no counted context.
        """
        if self.compiled is not None:
            return self.compiled.distributions(_whole(contexts))
        paths = [self._path(context.tolist()) for context in contexts]
        statistics = np.array([self._statistics(path) for path in paths], dtype=np.uint8).reshape(-1, 3)
        probabilities = np.array([self._distribution(path) for path in paths], dtype=np.float32)
        return probabilities.reshape(len(paths), len(self.unigrams)), Statistics(*statistics.T)

    def guesses(self, contexts: NDArray[Any]) -> Guesses:
        """Return the likeliest tokens (N, GUESSES) after contexts (N, C), as in `distributions`."""
        if self.compiled is not None:
            return self.compiled.guesses(_whole(contexts))
        return Guesses.of(self.distributions(contexts)[0])

    def _path(self, context: Sequence[int]) -> list[int]:
        """Return the index of the node of the last token of a context, of the last two, and so on, while known."""
        path: list[int] = []
        node = 0
        for level, token in zip(self.levels, reversed(context), strict=False):
            first, last = level.children[node : node + 2].tolist()
            node = first + int(np.searchsorted(level.tokens[first:last], token))
            if node == last or level.tokens[node] != token:
                break
            path.append(node)
            if token == Tokenizer.START:
                break
        return path

    def _statistics(self, path: Sequence[int]) -> tuple[int, int, int]:
        """Return the depth of a path, the count of its last node, and the number of its followers, as in Figures."""
        if not path:
            return 0, self.count, self.followers
        level, node = self.levels[len(path) - 1], path[-1]
        first, last = level.starts[node : node + 2].tolist()
        return len(path), int(level.counts[node]), min(MOST_FOLLOWERS, last - first)

    def _distribution(self, path: Sequence[int]) -> Shares:
        """Return the probability of each token (V,) after the context of a path."""
        weights = np.cumprod([1.0, *(self.levels[k].backoff[node] for k, node in reversed(list(enumerate(path))))])
        result: NDArray[np.float64] = self.unigrams * weights[-1]
        for level, node, weight in zip(self.levels, path, weights[-2::-1] if path else (), strict=False):
            first, last = level.starts[node : node + 2]
            result[level.following[first:last]] += level.shares[first:last] * weight
        return result.astype(np.float32)


def _whole(values: NDArray[Any]) -> Integers:
    return np.ascontiguousarray(values, dtype=np.int64)


def _keys(starts: NDArray[np.uint32], tokens: NDArray[Any]) -> Integers:
    rows = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    return rows << 32 | tokens.astype(np.int64)


def _find(keys: Integers, wanted: Integers) -> tuple[Integers, NDArray[np.bool_]]:
    """Return the index of each wanted key, and whether it exists."""
    if not len(keys):
        return np.zeros(len(wanted), dtype=np.int64), np.zeros(len(wanted), dtype=bool)
    index = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return index, keys[index] == wanted


def make_tree(
    root: Level,
    levels: Iterable[Level],
    discount: Sequence[Sequence[float]],
    predictable: NDArray[np.bool_],
    rounded: bool,
) -> Tree:
    """Return the tree of these levels, with the discounts of each; `rounded` as in a file."""
    size = len(predictable)
    token = id_type(size)
    unigrams = np.zeros(size)
    unigrams[root.following] = discounted(root.adjusted, discount[0]) / max(1, int(root.totals.sum()))
    unigrams[predictable] += (1 - unigrams.sum()) / max(1, predictable.sum())
    nodes = []
    above = 1
    for level, each in zip(levels, discount[1:], strict=True):
        exact = discounted(level.adjusted, each) / np.repeat(level.totals, np.diff(level.starts))
        shares = decode_shares(encode_shares(exact, level.starts)) if rounded else exact.astype(np.float32)
        children = np.concatenate([[0], np.cumsum(np.bincount(level.parents, minlength=above))]).astype(np.uint32)
        nodes.append(
            Nodes(
                level.tokens.astype(token),
                children,
                log2_of_counts(level.counts),
                level.starts.astype(np.uint32),
                level.following.astype(token),
                shares,
                backoffs(shares, level.starts),
            )
        )
        above = len(level.tokens)
    followers = min(MOST_FOLLOWERS, len(root.following))
    return Tree(unigrams.astype(np.float32), int(log2_of_counts(root.counts).max(initial=0)), followers, tuple(nodes))
