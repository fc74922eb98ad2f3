"""Choose which n-grams to drop, so that the counts fit into a file."""

from collections.abc import Iterator, Sequence

import numpy as np

from charlm.counts.collect import MOST, Integers, Tally
from charlm.counts.text import id_type

_FEW = 4  # contexts shorter than this lose n-grams only if nothing else helps


def choose_cuts(tallies: Sequence[Tally], size: int, limit: int) -> tuple[int, ...]:
    """Return the count that an n-gram of each level needs to be kept, so that all take at most `limit` bytes.

    The longest n-grams are dropped first, those seen once, then those seen twice, and so on. limit: 0 keeps all.
    """
    cuts = [1] * len(tallies)
    if not limit:
        return tuple(cuts)
    grams, nodes = (
        np.array([np.cumsum(each[::-1])[::-1] for each in table])
        for table in ([tally.grams for tally in tallies], [tally.nodes for tally in tallies])
    )
    steps = _steps(len(tallies))
    while _bytes(cuts, grams, nodes, size) > limit:
        level, cut = next(steps, (0, 0))
        if not cut:
            break
        cuts[level] = cut
    return tuple(cuts)


def _steps(levels: int) -> Iterator[tuple[int, int]]:
    for shortest in (_FEW, 1):
        for cut in range(2, MOST + 1):
            yield from ((level, cut) for level in range(levels - 1, shortest - 1, -1))


def _bytes(cuts: Sequence[int], grams: Integers, nodes: Integers, size: int) -> int:
    width = id_type(size).itemsize
    kept_grams = sum(int(grams[level, cut]) for level, cut in enumerate(cuts) if level)
    kept_nodes = sum(int(nodes[level, cut]) for level, cut in enumerate(cuts) if level)
    return size * 4 + kept_nodes * (3 * width + 1) + kept_grams * (width + 2) + 4096
