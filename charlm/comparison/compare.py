"""Two models on one text: bits per character of each, how sure the difference is, and where it is largest.

Each reads the text as it learned to: a model of a stream as one running text, as `evaluation` reads it, a
model of lines each line from its start, whose end is the newline. The tokens may differ, since sums are compared
over the same characters: over lines, and for the places over the shortest stretches that are whole tokens of both. The
end of a running text is no character and is not scored.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charlm.comparison.bootstrap import interval
from charlm.data.encoding import encode
from charlm.data.texts import lines, newline_offsets
from charlm.errors import CorpusError
from charlm.scoring.evaluation import cut
from charlm.tokenizers import Ids, Tokenizer

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
_BEFORE, _AFTER = 18, 8  # characters shown around a place
_ALIKE = 8  # characters before two places that make them one


class Reader(NamedTuple):
    """What is compared; `logprobs` gives log P (nats) of each token but the first of rows that are read alone."""

    name: str
    tokenizer: Tokenizer
    line: bool
    logprobs: Callable[[Sequence[Ids]], list[Floats]]


class Place(NamedTuple):
    """A stretch of the text, what is around it in its line, and what it costs each model."""

    line: int  # from 1 through all texts
    before: str
    text: str
    after: str
    bits: tuple[float, float]


@dataclass(frozen=True)
class Comparison:
    """Of the first model and the second; `difference` is the first less the second."""

    bits_per_char: tuple[float, float]
    difference: float
    interval: tuple[float, float] | None  # of 95 %; None for one line alone
    lines: int
    characters: int
    left_out: int  # lines with a character that has no symbol, or probability 0, in one of the models
    places: tuple[list[Place], list[Place]]  # where the first is better by most, and where the second is


def compare(a: Reader, b: Reader, texts: Sequence[str], places: int = 5) -> Comparison:
    """Compare on texts, each read by itself. With a model of lines every line of a text ends in one newline.

    Raises CorpusError where no line can be compared.
    """
    if a.line or b.line:
        texts = ["".join(f"{line}\n" for line in lines(text)) for text in texts]
    text, starts = "".join(texts), _line_starts(texts)
    tokens = [_tokens(reader, texts) for reader in (a, b)]
    sums = np.array([np.bincount(_which(starts, each.begins), each.nats, len(starts)) for each in tokens])
    kept = np.isfinite(sums).all(axis=0)
    if not kept.any():
        raise CorpusError(f"there is no line of which {a.name} and {b.name} both know every character")
    sizes = np.diff([*starts, len(text)])[kept]
    bits = sums[:, kept] / math.log(2)
    characters = int(sizes.sum())
    first, second = (bits.sum(axis=1) / characters).tolist()
    return Comparison(
        bits_per_char=(first, second),
        difference=first - second,
        interval=interval(bits[0] - bits[1], sizes),
        lines=int(kept.sum()),
        characters=characters,
        left_out=int((~kept).sum()),
        places=_places(text, starts, kept, tokens, places),
    )


def totals(reader: Reader, sentences: Sequence[str]) -> list[float]:
    """log P (nats) of each sentence, read by itself; with its end where that is a line's."""
    ids = (encode(reader.tokenizer, sentence, "unk").ids for sentence in sentences)
    found = reader.logprobs([reader.tokenizer.sequence(each, eos=reader.line) for each in ids])
    return [float(logprobs.sum()) for logprobs in found]


class _Tokens(NamedTuple):
    """Where in the text each begins and ends, and what it costs: infinitely much where it has no symbol."""

    begins: Numbers
    ends: Numbers
    nats: Floats


def _tokens(reader: Reader, texts: Sequence[str]) -> _Tokens:
    """Of all texts, laid one behind the other."""
    parts = [part for text in texts for part in (text.split("\n")[:-1] if reader.line else [text])]
    encoded = [encode(reader.tokenizer, part, "unk") for part in parts]
    rows = (reader.tokenizer.sequence(each.ids, eos=reader.line) for each in encoded)
    cuts = [cut(row, reader.line, None, None) for row in rows]
    read = iter(reader.logprobs([row for each in cuts for row in each.rows]))
    logprobs = np.concatenate([each.counted(read) for each in cuts])
    unknown = np.concatenate([each.targets for each in cuts]) == Tokenizer.UNK
    newline = np.ones(int(reader.line), dtype=np.int64)
    sizes = np.concatenate([part for each in encoded for part in (each.lengths, newline)])
    ends = np.cumsum(sizes)
    return _Tokens(ends - sizes, ends, np.where(unknown, np.inf, -logprobs))


def _line_starts(texts: Sequence[str]) -> Numbers:
    """Where the lines of all texts begin, which are laid one behind the other."""
    found: list[int] = []
    place = 0
    for text in texts:
        inner = newline_offsets(text) + 1
        found += [place, *(inner[inner < len(text)] + place).tolist()] if text else []
        place += len(text)
    if not found:
        raise CorpusError("there is no text to compare on: 0 characters")
    return np.array(found)


def _which(starts: Numbers, places: Numbers) -> Numbers:
    """The stretch that each place lies in, by where these begin."""
    return np.searchsorted(starts, places, side="right") - 1


def _places(
    text: str, starts: Numbers, kept: NDArray[np.bool_], tokens: Sequence[_Tokens], count: int
) -> tuple[list[Place], list[Place]]:
    """Where each costs less than the other by most, in the lines that were compared."""
    ends = np.intersect1d(tokens[0].ends, tokens[1].ends)
    ends = ends[ends > 0]
    begins = np.array([0, *ends[:-1]])
    bits = np.array([np.bincount(_which(begins, each.begins), each.nats, len(ends)) for each in tokens]) / math.log(2)
    inside = kept[_which(starts, begins)]
    with np.errstate(invalid="ignore"):  # what is left out may cost infinitely much
        more = np.where(inside, bits[1] - bits[0], 0.0)
    order = np.argsort(-more, kind="stable")

    def place(index: int) -> Place:
        line = int(_which(starts, begins[index]))
        first, last = begins[index], ends[index]
        line_end = starts[line + 1] if line + 1 < len(starts) else len(text)
        before = text[max(starts[line], first - _BEFORE) : first]
        after = text[last : max(last, min(line_end, last + _AFTER))]
        return Place(line + 1, before, text[first:last], after, (float(bits[0, index]), float(bits[1, index])))

    best = (place(index) for index in order if more[index] > 0)
    worst = (place(index) for index in order[::-1] if more[index] < 0)
    return _different(best, count), _different(worst, count)


def _different(places: Iterable[Place], count: int) -> list[Place]:
    """The first so many, each with another text before it."""
    found: dict[tuple[str, str], Place] = {}
    for each in places:
        if len(found) == count:
            break
        found.setdefault((each.before[-_ALIKE:], each.text), each)
    return list(found.values())
