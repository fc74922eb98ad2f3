"""Look up tokens and distributions in a tree of contexts with the compiled library."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charlm.counts.figures import Figures, Statistics, logarithms
from charlm.counts.native.library import Structures, call, in_threads, pointer, structure
from charlm.counts.text import Text

_NODES = structure("Nodes", "", "tokens children counts starts following shares backoff")
_TREE = structure("Tree", "depths vocabulary count followers", "nodes unigrams")
_PIECE = 2**18  # tokens that a thread looks up at once


class CompiledTree:
    """A tree as the library reads it. The arrays must not be changed."""

    def __init__(
        self, unigrams: NDArray[np.float32], count: int, followers: int, levels: Sequence[Sequence[NDArray[Any]]]
    ) -> None:
        """Take over the fields of `tree.Tree`, and the arrays of each of its levels."""
        self._kept = (unigrams, levels)
        self._nodes = Structures(_NODES, [[*map(pointer, level)] for level in levels])
        self._tree = _TREE(len(levels) + 1, len(unigrams), count, followers, self._nodes.address, pointer(unigrams))

    def look_up(self, text: Text) -> Figures:
        """Return the figures of each token of a text (N,)."""
        N = len(text.ids)
        probabilities, statistics = np.empty(N), np.empty((N, 3), dtype=np.uint8)
        tasks = [(first, min(first + _PIECE, N)) for first in range(0, N, _PIECE)]

        def work(first: int, last: int) -> None:
            call("look_up", text.ids, self._tree, text.ids, text.context, first, last, probabilities, statistics)

        in_threads(work, tasks)
        return Figures(logarithms(probabilities), Statistics(*map(np.ascontiguousarray, statistics.T)))

    def distributions(self, contexts: NDArray[Any]) -> tuple[NDArray[np.float32], Statistics]:
        """Return the probabilities (B, V) after contexts (B, C), and statistics (B,)."""
        B, C = contexts.shape
        probabilities = np.empty((B, self._tree.vocabulary), dtype=np.float32)
        statistics = np.empty((B, 3), dtype=np.uint8)
        call("distributions", contexts, self._tree, contexts, B, C, probabilities, statistics)
        return probabilities, Statistics(*statistics.T)
