"""Look up tokens and distributions in a tree of contexts with the compiled library."""

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charlm.counts.figures import GUESSES, Figures, Guesses, Statistics, logarithms
from charlm.counts.native.library import Structures, call, compiled, in_threads, pointer, structure
from charlm.counts.text import Integers, Text, id_type

_NODES = structure("Nodes", "", "tokens children counts starts following shares backoff")
_TREE = structure("Tree", "depths vocabulary count followers", "nodes unigrams")
_TOKENS = 2**18  # tokens of a text that a thread looks up at once
_CONTEXTS = 2**11  # contexts that a thread looks up at once


class CompiledTree:
    """A tree as the library reads it. The arrays must not be changed."""

    def __init__(
        self, unigrams: NDArray[np.float32], count: int, followers: int, levels: Sequence[Sequence[NDArray[Any]]]
    ) -> None:
        """Take over the fields of `tree.Tree`, and the arrays of each of its levels."""
        self._kept = (unigrams, levels)
        self._token = id_type(len(unigrams))
        self._nodes = Structures(_NODES, [[*map(pointer, level)] for level in levels])
        self._tree = _TREE(len(levels) + 1, len(unigrams), count, followers, self._nodes.address, pointer(unigrams))

    def look_up(self, text: Text) -> Figures:
        """Return the figures of each token of a text (N,)."""
        N = len(text.ids)
        probabilities, statistics = np.empty(N), np.empty((N, 3), dtype=np.uint8)

        def work(first: int, last: int) -> None:
            call("look_up", text.ids.dtype, self._tree, text.ids, text.context, first, last, probabilities, statistics)

        in_threads(work, _pieces(N, _TOKENS))
        return Figures(logarithms(probabilities), Statistics(*map(np.ascontiguousarray, statistics.T)))

    def look_up_after(self, contexts: Integers, targets: Integers) -> Figures:
        """Return the figures of targets (N,) after contexts (N, C)."""
        probabilities = np.empty(len(targets))
        statistics = self._after("look_up_after", contexts, targets, probabilities)
        return Figures(logarithms(probabilities), statistics)

    def distributions(self, contexts: Integers) -> tuple[NDArray[np.float32], Statistics]:
        """Return the probabilities (N, V) after contexts (N, C), and statistics (N,)."""
        probabilities = np.empty((len(contexts), self._tree.vocabulary), dtype=np.float32)
        return probabilities, self._after("distributions", contexts, probabilities)

    def guesses(self, contexts: Integers) -> Guesses:
        """Return the guesses (N, GUESSES) after contexts (N, C)."""
        N, C = contexts.shape
        tokens, chances = np.empty((N, GUESSES), dtype=np.int64), np.empty((N, GUESSES), dtype=np.float32)

        def work(first: int, last: int) -> None:
            room = np.empty(self._tree.vocabulary, dtype=np.float32)
            some = (each[first:last] for each in (tokens, chances))
            call("guesses", self._token, self._tree, contexts[first:last], last - first, C, room, *some)

        in_threads(work, _pieces(N, _CONTEXTS))
        return Guesses(tokens, chances)

    def _after(self, function: str, contexts: Integers, *arrays: NDArray[Any]) -> Statistics:
        N, C = contexts.shape
        statistics = np.empty((N, 3), dtype=np.uint8)

        def work(first: int, last: int) -> None:
            some = (each[first:last] for each in (*arrays, statistics))
            call(function, self._token, self._tree, contexts[first:last], last - first, C, *some)

        in_threads(work, _pieces(N, _CONTEXTS))
        return Statistics(*statistics.T)

    @property
    def address(self) -> int:
        """The address of the tree, for `distributions_address`."""
        return ctypes.addressof(self._tree)

    @property
    def distributions_address(self) -> int:
        """The address of `distributions` of look_up.c, which computes them while a network draws."""
        address = ctypes.cast(compiled("distributions", self._token), ctypes.c_void_p).value
        assert address
        return address


def _pieces(count: int, size: int) -> list[tuple[int, int]]:
    """Return the first and the last index, which does not count, of each piece of at most `size`."""
    return [(first, min(first + size, count)) for first in range(0, count, size)] or [(0, 0)]
