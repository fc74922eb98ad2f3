"""Edit distance: the least number of symbols to insert, delete, or replace that turns one text into another.

The distances of many pairs are computed together (Wagner & Fischer 1974): a row of the table of one pair is a row of an
array, and each step computes the next row of all pairs.
"""

from collections.abc import Hashable, Sequence

import numpy as np

from charlm.measures import Integers

Symbols = Sequence[Hashable]  # the characters of a string, or the words of a list
_MAX_CELLS = 1 << 20  # in the rows that are computed together


def edit_distance(a: Symbols, b: Symbols) -> int:
    """Return the edit distance (Levenshtein 1966) between two sequences."""
    return int(edit_distances([a], [b])[0])


def edit_distances(first: Sequence[Symbols], second: Sequence[Symbols]) -> Integers:
    """Return the edit distance of each pair, (n,)."""
    numbers: dict[Hashable, int] = {}
    encoded = ((_encode(a, numbers), _encode(b, numbers)) for a, b in zip(first, second, strict=True))
    pairs = [(a, b) if len(a) <= len(b) else (b, a) for a, b in encoded]  # a step for each symbol of the shorter one
    distances = np.zeros(len(pairs), dtype=np.int64)
    order = sorted(range(len(pairs)), key=lambda pair: (len(pairs[pair][1]), len(pairs[pair][0])))
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and (end + 1 - start) * (len(pairs[order[end]][1]) + 1) <= _MAX_CELLS:
            end += 1
        chosen = order[start:end]
        distances[chosen] = _distances([pairs[pair] for pair in chosen])
        start = end
    return distances


def _encode(symbols: Symbols, numbers: dict[Hashable, int]) -> Integers:
    """Return a number for each symbol: equal symbols of all sequences have equal numbers."""
    if isinstance(symbols, str):
        return np.frombuffer(symbols.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.int64)
    return np.array([-1 - numbers.setdefault(symbol, len(numbers)) for symbol in symbols], dtype=np.int64)


def _distances(pairs: Sequence[tuple[Integers, Integers]]) -> Integers:
    """Return the distance of each of (P,) pairs, computed together."""
    a_lengths, b_lengths = (np.array([len(pair[side]) for pair in pairs]) for side in (0, 1))
    order = np.argsort(-a_lengths, kind="stable")  # rows of finished pairs are at the end, and are left out
    count, width = len(pairs), int(b_lengths.max())
    a, b = np.zeros((count, int(a_lengths.max())), dtype=np.int64), np.zeros((count, width), dtype=np.int64)
    for index, pair in enumerate(order.tolist()):
        a[index, : a_lengths[pair]], b[index, : b_lengths[pair]] = pairs[pair]
    a_lengths, b_lengths = a_lengths[order], b_lengths[order]
    columns = np.arange(width + 1)
    table = np.tile(columns, (count, 1))  # the distance between the first symbols of a, and those of b up to a column
    for step in range(a.shape[1]):
        rows = int(np.searchsorted(-a_lengths, -step, side="left"))  # pairs in which a is longer than `step`
        above = table[:rows]
        row = above + 1  # delete a symbol of a
        np.minimum(row[:, 1:], above[:, :-1] + (a[:rows, step, None] != b[:rows]), out=row[:, 1:])  # replace it, or not
        table[:rows] = np.minimum.accumulate(row - columns, axis=1) + columns  # insert symbols of b
    distances = np.empty(len(pairs), dtype=np.int64)
    distances[order] = table[np.arange(len(pairs)), b_lengths]
    return distances
