"""How well a model of lines predicts documents: every line from a zero state to its EOS.

Lines can be many and short, so that what is done for each of them alone counts: they are encoded and measured together,
a limited number at once, and one by one only where a character has no symbol.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, fields
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charlm.data.encoding import UnknownPolicy, encode
from charlm.measure import Measure, measure
from charlm.tokenizers import Ids, Tokenizer

AT_ONCE = 2**16  # lines: of each there are some objects
_CHARACTERS = 2**22  # at once, but for the last line

# Rows of tokens → log P of each token but the first.
Read = Callable[[Sequence[Ids]], list[NDArray[np.float64]]]


def measure_lines(
    tokenizer: Tokenizer, documents: Sequence[Sequence[str]], unknown: UnknownPolicy, read: Read
) -> list[Measure]:
    """The measure of each document, which is one line or more. Raises UnknownCharacterError where `unknown` says so."""
    lines = [line for document in documents for line in document]
    none = np.empty((0, len(fields(Measure))))
    sums = np.concatenate([none, *(_sums(tokenizer, group, unknown, read) for group in _groups(lines))])
    bounds = np.cumsum([0, *map(len, documents)]).tolist()
    return [_measure(sums[first:last].sum(axis=0)) for first, last in pairwise(bounds)]


def _groups(lines: Sequence[str]) -> Iterator[Sequence[str]]:
    first = size = 0
    for place, line in enumerate(lines):
        if place - first == AT_ONCE or size > _CHARACTERS:
            yield lines[first:place]
            first, size = place, 0
        size += len(line)
    if lines:
        yield lines[first:]


def _sums(tokenizer: Tokenizer, lines: Sequence[str], unknown: UnknownPolicy, read: Read) -> NDArray[np.float64]:
    """The fields of the measure of each line (n, fields)."""
    text = "".join(f"{line}\n" for line in lines)
    ids = np.concatenate(list(tokenizer.encode_pieces([text], lines=True)))
    ends = np.flatnonzero(ids == tokenizer.EOS) + 1
    starts = np.concatenate(([0], ends[:-1]))
    spaced = np.insert(ids, starts, tokenizer.START)  # START is before each of them
    places = np.arange(len(lines) + 1) + np.concatenate((starts, ends[-1:]))
    rows = [spaced[first:last] for first, last in pairwise(places.tolist())]
    odd = np.unique(np.searchsorted(ends, np.flatnonzero(ids == tokenizer.UNK), side="right")).tolist()
    encoded = {place: encode(tokenizer, lines[place], unknown) for place in odd}
    for place, each in encoded.items():
        rows[place] = tokenizer.sequence(each.ids, eos=True)
    logprobs = read(rows)
    tokens = np.array([len(row) - 1 for row in rows], dtype=np.float64)
    nats = -np.add.reduceat(np.concatenate(logprobs), np.cumsum([0, *tokens[:-1]]).astype(np.int64))
    characters = np.array([len(line) + 1 for line in lines], dtype=np.float64)  # a line end is one of each
    sizes = [len(line) if line.isascii() else len(line.encode("utf-8", "surrogatepass")) for line in lines]
    none = np.zeros(len(lines))
    known = {"nats": nats, "tokens": tokens, "characters": characters, "bytes": np.array(sizes) + 1.0, "unknown": none}
    known |= {f"known_{name}": known[name] for name in ("nats", "tokens", "characters")}
    sums = np.stack([known[each.name] for each in fields(Measure)], axis=1)
    for place, each in encoded.items():
        found = measure(each.text, rows[place][1:], each.lengths, logprobs[place], line=True, skipped=each.skipped)
        sums[place] = astuple(found)
    return sums


def _measure(sums: NDArray[np.float64]) -> Measure:
    """All but the nats are counts."""
    named: dict[str, Any] = dict(zip((each.name for each in fields(Measure)), sums.tolist(), strict=True))
    return Measure(**{name: value if name.endswith("nats") else int(value) for name, value in named.items()})
