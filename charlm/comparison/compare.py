"""Compare two models on one text: bits per character of each, how certain the difference is, and where it is largest.

Each model reads the text as it was trained to: a stream model reads one running text, as `scoring.passages` cuts it; a
line model reads each line from its start, and its <EOS> represents the newline. The two may have different tokens,
so costs are compared over the same characters: over lines, and over the shortest stretches that are whole tokens of
both. The end of a running text is not a character and is not scored.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charlm.config import TextMode
from charlm.data.encoding import encode
from charlm.data.sequences import lines, newline_offsets
from charlm.errors import CorpusError
from charlm.measures.bootstrap import interval
from charlm.scoring.passages import passage, read_logprobs
from charlm.tokenizers import Ids, Tokenizer

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
_SHOWN_BEFORE, _SHOWN_AFTER = 18, 8  # characters of the line around a stretch
_SAME_CONTEXT = 8  # two equal stretches after the same characters count as one


class ComparedModel(NamedTuple):
    """A model or an n-gram; `logprobs` returns log P (nats) of each token but the first, for rows read separately."""

    name: str
    tokenizer: Tokenizer
    line: bool
    logprobs: Callable[[Sequence[Ids]], list[Floats]]


class Stretch(NamedTuple):
    """A stretch of the text, the text around it in its line, and what it costs each model in bits."""

    line: int  # from 1, counted through all texts
    before: str
    text: str
    after: str
    bits: tuple[float, float]


@dataclass(frozen=True)
class Comparison:
    """Figures of the first model and of the second; `difference` is the first minus the second."""

    bits_per_char: tuple[float, float]
    difference: float
    interval: tuple[float, float] | None  # 95 %; None for a single line
    lines: int
    characters: int
    left_out: int  # lines with a character that is unknown to one model, or to which one model gives probability 0
    stretches: tuple[list[Stretch], list[Stretch]]  # where the first model is better by most, and where the second is


def compare(a: ComparedModel, b: ComparedModel, texts: Sequence[str], stretches: int = 5) -> Comparison:
    """Compare two models on texts, each read separately; return at most `stretches` stretches for each model.

    If one of them is a line model, every line of a text is closed by one newline.

    Raises CorpusError if there is no text, or no line that can be compared.
    """
    if a.line or b.line:
        texts = ["".join(f"{line}\n" for line in lines(text)) for text in texts]
    text, starts = "".join(texts), _line_starts(texts)
    tokens = [_read_tokens(model, texts) for model in (a, b)]
    sums = np.array([np.bincount(_interval_of(starts, each.begins), each.nats, len(starts)) for each in tokens])
    kept = np.isfinite(sums).all(axis=0)
    if not kept.any():
        raise CorpusError(f"every line has a character that {a.name} or {b.name} does not know; give another text")
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
        stretches=_largest_differences(text, starts, kept, tokens, stretches),
    )


def totals(model: ComparedModel, sentences: Sequence[str]) -> list[float]:
    """Return log P (nats) of each sentence, read by itself; for a line model, with its end."""
    ids = (encode(model.tokenizer, sentence, "unk").ids for sentence in sentences)
    rows = [model.tokenizer.sequence(each, eos=model.line) for each in ids]
    return [float(logprobs.sum()) for logprobs in model.logprobs(rows)]


class _Tokens(NamedTuple):
    """Offsets of each token in the text, and its cost in nats: infinity for an unknown token."""

    begins: Integers
    ends: Integers
    nats: Floats


def _read_tokens(model: ComparedModel, texts: Sequence[str]) -> _Tokens:
    """Return the tokens of all texts, with offsets into the joined text."""
    sequences = [each for text in texts for each in (text.split("\n")[:-1] if model.line else [text])]
    mode = TextMode.LINE if model.line else TextMode.STREAM
    passages = [passage(model.tokenizer, each, mode=mode, eos=model.line) for each in sequences]
    logprobs = np.concatenate(list(read_logprobs(passages, model.logprobs)))
    unknown = np.concatenate([each.targets for each in passages]) == Tokenizer.UNK
    newline = np.ones(int(model.line), dtype=np.int64)
    sizes = np.concatenate([lengths for each in passages for lengths in (each.encoded.lengths, newline)])
    ends = np.cumsum(sizes)
    return _Tokens(ends - sizes, ends, np.where(unknown, np.inf, -logprobs))


def _line_starts(texts: Sequence[str]) -> Integers:
    """Return the offsets in the joined text at which the lines of all texts begin."""
    starts: list[int] = []
    offset = 0
    for text in texts:
        inner = newline_offsets(text) + 1
        starts += [offset, *(inner[inner < len(text)] + offset).tolist()] if text else []
        offset += len(text)
    if not starts:
        raise CorpusError("the text to compare on is empty; give at least one character")
    return np.array(starts)


def _interval_of(starts: Integers, offsets: Integers) -> Integers:
    """Return the index of the interval that each offset is in; `starts` are the offsets at which intervals begin."""
    return np.searchsorted(starts, offsets, side="right") - 1


def _largest_differences(
    text: str, starts: Integers, kept: NDArray[np.bool_], tokens: Sequence[_Tokens], count: int
) -> tuple[list[Stretch], list[Stretch]]:
    """Return the stretches, in lines that are compared, that cost one model less than the other by most.

    A stretch ends where tokens of both models end. No shorter stretch has a cost in both, since the cost of a token
    cannot be divided among its characters.
    """
    ends = np.intersect1d(tokens[0].ends, tokens[1].ends)
    ends = ends[ends > 0]
    begins = np.array([0, *ends[:-1]])
    costs = [np.bincount(_interval_of(begins, each.begins), each.nats, len(ends)) for each in tokens]
    bits = np.array(costs) / math.log(2)
    inside = kept[_interval_of(starts, begins)]
    with np.errstate(invalid="ignore"):  # the cost in a line that is left out may be infinite for both
        gains = np.where(inside, bits[1] - bits[0], 0.0)
    order = np.argsort(-gains, kind="stable")

    def stretch(index: int) -> Stretch:
        line = int(_interval_of(starts, begins[index]))
        first, last = begins[index], ends[index]
        line_end = starts[line + 1] if line + 1 < len(starts) else len(text)
        before = text[max(starts[line], first - _SHOWN_BEFORE) : first]
        after = text[last : max(last, min(line_end, last + _SHOWN_AFTER))]
        return Stretch(line + 1, before, text[first:last], after, (float(bits[0, index]), float(bits[1, index])))

    best = (stretch(index) for index in order if gains[index] > 0)
    worst = (stretch(index) for index in order[::-1] if gains[index] < 0)
    return _distinct(best, count), _distinct(worst, count)


def _distinct(stretches: Iterable[Stretch], count: int) -> list[Stretch]:
    """Return the first `count` stretches that differ in their text or in the characters before it."""
    chosen: dict[tuple[str, str], Stretch] = {}
    for each in stretches:
        if len(chosen) == count:
            break
        chosen.setdefault((each.before[-_SAME_CONTEXT:], each.text), each)
    return list(chosen.values())
