"""How well a model of lines predicts documents: every line from a zero state to its EOS.

Lines can be many and short, so that what is done for each of them alone counts: they are encoded and measured together,
a limited number at once, and one by one only where a character has no symbol.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, fields
from itertools import chain, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charlm.data.encoding import UnknownPolicy, encode
from charlm.scoring.measure import Measure, measure
from charlm.tokenizers import Ids, Tokenizer

AT_ONCE = 2**16  # lines: of each there are some objects
CHARACTERS = 2**22  # at once, but for the last line

# Rows of tokens → log P of each token but the first.
Read = Callable[[Sequence[Ids]], list[NDArray[np.float64]]]


def groups(lines: Iterable[str]) -> Iterator[list[str]]:
    """As many lines at once as are good for the memory."""
    group: list[str] = []
    size = 0
    for line in lines:
        if len(group) == AT_ONCE or size > CHARACTERS:
            yield group
            group, size = [], 0
        group.append(line)
        size += len(line)
    if group:
        yield group


def measure_lines(
    tokenizer: Tokenizer, documents: Sequence[Sequence[str]], unknown: UnknownPolicy, read: Read
) -> list[Measure]:
    """The measure of each document, which is one line or more. Raises UnknownCharacterError where `unknown` says so."""
    if not documents:
        return []
    lines = chain.from_iterable(documents)
    sums = np.concatenate([_sums(tokenizer, group, unknown, read) for group in groups(lines)])
    bounds = np.cumsum([0, *map(len, documents)]).tolist()
    return [_measure(sums[first:last].sum(axis=0)) for first, last in pairwise(bounds)]


def _sums(tokenizer: Tokenizer, lines: Sequence[str], unknown: UnknownPolicy, read: Read) -> NDArray[np.float64]:
    """The fields of the measure of each line (n, fields)."""
    rows, odd = _rows(tokenizer, lines)
    encoded = {place: encode(tokenizer, lines[place], unknown) for place in odd}
    for place, each in encoded.items():
        rows[place] = tokenizer.sequence(each.ids, eos=True)
    logprobs = read(rows)
    tokens = np.array([len(each) for each in logprobs])
    nats = -np.add.reduceat(np.concatenate(logprobs), np.cumsum(tokens) - tokens)
    characters = np.array([len(line) + 1 for line in lines])  # a line end is one of each
    size = np.array([len(line.encode("utf-8", "surrogatepass")) + 1 for line in lines])
    known = (nats, tokens, characters)
    sums = np.stack([*known, size, np.zeros(len(lines)), *known], axis=1)  # in the order of the fields
    for place, each in encoded.items():
        found = measure(each.text, rows[place][1:], each.lengths, logprobs[place], line=True, skipped=each.skipped)
        sums[place] = astuple(found)
    return sums


def _rows(tokenizer: Tokenizer, lines: Sequence[str]) -> tuple[list[Ids], list[int]]:
    """Each line from START to EOS, and which of them have something unknown."""
    text = "".join(f"{line}\n" for line in lines)
    ids = tokenizer.sequences(np.concatenate(list(tokenizer.encode_pieces([text], lines=True))))
    starts = np.flatnonzero(ids == tokenizer.START)
    odd = np.searchsorted(starts, np.flatnonzero(ids == tokenizer.UNK)) - 1
    return np.split(ids, starts[1:]), np.unique(odd).tolist()


def _measure(sums: NDArray[np.float64]) -> Measure:
    """All but the nats are counts."""
    named: dict[str, Any] = dict(zip((each.name for each in fields(Measure)), sums.tolist(), strict=True))
    return Measure(**{name: value if name.endswith("nats") else int(value) for name, value in named.items()})
