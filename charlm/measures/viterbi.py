"""The likeliest sequence of tags among those that a scheme allows (Viterbi 1967)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charlm.measures import Integers

_FORBIDDEN = 1e12  # cost of a move that is not allowed, in nats: more than any sentence costs
_IMPOSSIBLE = 1e6  # cost of a tag with probability 0


def best_path(logprobs: ArrayLike, moves: NDArray[np.bool_]) -> Integers:
    """Return the tags (T,) with the largest sum of `logprobs` (T, K), in nats, that make no move outside `moves`.

    `moves` is (K + 1, K + 1), as `schemes.moves` returns it: row before, column after; the last row is the start, and
    the last column the end. If every sequence has a move that is not allowed, the result has the fewest.
    """
    scores = np.maximum(np.asarray(logprobs, dtype=np.float64), -_IMPOSSIBLE)
    if not len(scores) or moves.all():
        return scores.argmax(axis=1) if len(scores) else np.zeros(0, dtype=np.int64)
    costs = np.where(moves, 0.0, -_FORBIDDEN)
    between, ends = costs[:-1, :-1].T, costs[:-1, -1]  # rows of `between` are the tags after
    best = costs[-1, :-1] + scores[0]  # of all paths that end in each tag
    previous = np.zeros(scores.shape, dtype=np.int64)
    for step in range(1, len(scores)):
        through = between + best
        previous[step] = through.argmax(axis=1)
        best = through.max(axis=1) + scores[step]
    path = np.empty(len(scores), dtype=np.int64)
    path[-1] = (best + ends).argmax()
    for step in range(len(scores) - 1, 0, -1):
        path[step - 1] = previous[step, path[step]]
    return path
