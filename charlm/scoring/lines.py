"""Measure lines: each is read from a zero state to its EOS.

A corpus can have very many short lines, so the work per line matters. Lines are encoded and measured together, a
limited number at once. Only a line with an unknown character is handled by itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, fields
from itertools import chain, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charlm.batching import batches
from charlm.config import TextMode
from charlm.data.encoding import UnknownPolicy, encode
from charlm.raw_bytes import to_bytes
from charlm.scoring.measure import Measure, measure
from charlm.scoring.passages import Columns, RowReader
from charlm.tokenizers import Ids, Tokenizer

MAX_LINES = 2**16  # in a batch: each line takes a few Python objects
MAX_CHARACTERS = 2**22  # in a batch


def line_batches(lines: Iterable[str]) -> Iterator[list[str]]:
    """Yield the lines in batches that fit in memory."""
    return batches(lines, len, MAX_CHARACTERS, MAX_LINES)


def measure_lines(
    tokenizer: Tokenizer, documents: Sequence[Sequence[str]], unknown: UnknownPolicy, read: RowReader
) -> list[tuple[Measure, list[float]]]:
    """Measure each document, which has one line or more, and add up `Columns.part_nats`.

    Raises UnknownCharacterError if `unknown` is "error".
    """
    if not documents:
        return []
    lines = chain.from_iterable(documents)
    sums = np.concatenate([_line_sums(tokenizer, batch, unknown, read) for batch in line_batches(lines)])
    bounds = np.cumsum([0, *map(len, documents)]).tolist()
    return [_measure(sums[first:last].sum(axis=0)) for first, last in pairwise(bounds)]


def _line_sums(
    tokenizer: Tokenizer, lines: Sequence[str], unknown: UnknownPolicy, read: RowReader
) -> NDArray[np.float64]:
    """Return the fields of each line's measure, and the `part_nats` of each part: (n, fields + 2 · parts)."""
    rows, with_unknown = _rows(tokenizer, lines)
    encoded = {index: encode(tokenizer, lines[index], unknown) for index in with_unknown}
    for index, each in encoded.items():
        rows[index] = tokenizer.sequence(each.ids, eos=True)
    logprobs = [Columns.of(each) for each in read(rows)]
    tokens = np.array([len(each.whole) for each in logprobs])
    starts = np.cumsum(tokens) - tokens
    nats = -np.add.reduceat(np.concatenate([each.whole for each in logprobs]), starts)
    of_parts = -np.add.reduceat(np.concatenate([each.parts for each in logprobs]), starts, axis=0)
    characters = np.array([len(line) + 1 for line in lines])  # the line end is one character and one byte
    size = np.array([len(to_bytes(line)) + 1 for line in lines])
    known = (nats, tokens, characters)
    whole = np.stack([*known, size, np.zeros(len(lines)), *known], axis=1)  # in the order of Measure's fields
    sums = np.concatenate((whole, of_parts.repeat(2, axis=1)), axis=1)
    for index, each in encoded.items():
        targets, own = rows[index][1:], logprobs[index]
        mode, skipped = TextMode.LINE, each.skipped
        measured = measure(each.text, targets, each.lengths, own.whole, mode=mode, skipped=skipped)
        sums[index] = *astuple(measured), *own.part_nats(targets)
    return sums


def _rows(tokenizer: Tokenizer, lines: Sequence[str]) -> tuple[list[Ids], list[int]]:
    """Return the ids of each line from START to EOS, and the indices of the lines with an unknown character."""
    text = "".join(f"{line}\n" for line in lines)
    ids = tokenizer.sequences(np.concatenate(list(tokenizer.encode_pieces([text], mode=TextMode.LINE))))
    starts = np.flatnonzero(ids == tokenizer.START)
    with_unknown = np.searchsorted(starts, np.flatnonzero(ids == tokenizer.UNK)) - 1
    return np.split(ids, starts[1:]), np.unique(with_unknown).tolist()


def _measure(sums: NDArray[np.float64]) -> tuple[Measure, list[float]]:
    """Build a Measure from its fields, of which all but the nats are integers; return it and the rest of the sums."""
    names = [each.name for each in fields(Measure)]
    named: dict[str, Any] = dict(zip(names, sums.tolist(), strict=False))
    whole = Measure(**{name: value if name.endswith("nats") else int(value) for name, value in named.items()})
    return whole, sums[len(names) :].tolist()
