"""The one way from a text to the log-probability of each of its tokens: encode, cut into rows, read, keep what counts.

A line is one row, from START to EOS. A running text is cut into rows so that many parts of it can be read in parallel;
each row begins in a zero state. There are two ways to cut it:

- streams: equal pieces. Each row begins with the tokens before its piece, at most `CONTEXT_TOKENS`. They warm up the
  state and are not counted, so almost nothing is lost by cutting.
- window: rows of that many targets, each after the one token before its first target. A last partial window is left
  out.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charlm.config import TextMode
from charlm.data.encoding import Encoded, UnknownPolicy, encode
from charlm.errors import CorpusError
from charlm.nn.probability import LOGPROB, Values
from charlm.scoring.measure import Measure, measure
from charlm.settings import check_count
from charlm.tokenizers import Ids, Tokenizer

CONTEXT_TOKENS = 256
_MIN_PIECE_TOKENS = 4096
_MAX_PIECES = 64

Floats = NDArray[np.float64]
# Rows of token ids → log P (nats) of each token but the first: (n,) → (n - 1,); of a mixture, with log P by each of its
# parts in further columns: (n - 1, 1 + parts).
RowReader = Callable[[Sequence[Ids]], Iterable[Floats]]
# Rows of token ids → by its name, each quantity of each token but the first: (n,) → (n - 1,) or (n - 1, m).
QuantityReader = Callable[[Sequence[Ids]], Iterable[Values]]


class Passage(NamedTuple):
    """A text, or part of one, in the rows that a model reads.

    targets: (T,), the ids that count, in order. context: for each row, how many of its targets do not count.
    """

    encoded: Encoded
    targets: Ids
    rows: list[Ids]
    context: list[int]

    def measure(self, logprobs: Floats, *, mode: TextMode) -> Measure:
        """Sum up log P (T,) of the targets by the model."""
        encoded = self.encoded
        return measure(encoded.text, self.targets, encoded.lengths, logprobs, mode=mode, skipped=encoded.skipped)


class Columns(NamedTuple):
    """log P of targets by a model, (T,), and by each part of a mixture, (T, parts)."""

    whole: Floats
    parts: Floats

    @classmethod
    def of(cls, logprobs: Floats) -> "Columns":
        """Take apart what a `RowReader` returns."""
        if logprobs.ndim == 1:
            return cls(logprobs, np.empty((len(logprobs), 0)))
        return cls(np.ascontiguousarray(logprobs[:, 0]), logprobs[:, 1:])

    def part_nats(self, targets: Ids) -> list[float]:
        """Return for each part minus log P of all targets (T,), and of those that are not UNK."""
        known = targets != Tokenizer.UNK
        return np.stack((-self.parts.sum(axis=0), -self.parts[known].sum(axis=0)), axis=1).ravel().tolist()


def passage(
    tokenizer: Tokenizer,
    text: str,
    *,
    mode: TextMode,
    eos: bool,
    unknown: UnknownPolicy = "unk",
    window: int | None = None,
    streams: int | None = None,
) -> Passage:
    """Encode and cut one sequence: a line, or a whole running text.

    eos: whether <EOS> is the last target. Raises UnknownCharacterError, and what `cut_stream` raises.
    """
    encoded = encode(tokenizer, text, unknown)
    ids = tokenizer.sequence(encoded.ids, eos=eos)
    if mode == TextMode.LINE:
        return Passage(encoded, ids[1:], [ids], [0])
    return cut_stream(encoded, ids, window=window, streams=streams)


def suitable_streams(count: int) -> int:
    """Return the number of pieces in which a running text of `count` tokens is read."""
    return min(_MAX_PIECES, max(1, count // _MIN_PIECE_TOKENS))


def cut_stream(encoded: Encoded, ids: Ids, *, window: int | None, streams: int | None, context: int = 0) -> Passage:
    """Cut a running text, or a part of one, into windows, or into `streams` pieces (None: as many as its length suits).

    ids: START or the last token of the part before, after `context` tokens before that one, and then the targets.
    Raises ConfigError for a number out of range, CorpusError for a text that is shorter than one window.
    """
    count = len(ids) - 1 - context  # targets
    if window is not None:
        check_count("window", window, 1)
        if count < window:
            raise CorpusError(f"the text has {count:,} tokens, fewer than one window of {window:,}")
        starts = range(context, context + count - window + 1, window)
        rows = [ids[start : start + window + 1] for start in starts]
        return Passage(encoded, ids[context + 1 : context + len(rows) * window + 1], rows, [0] * len(rows))
    streams = suitable_streams(count) if streams is None else streams
    check_count("streams", streams, 1, max(1, count))
    bounds = [context + count * piece // streams for piece in range(streams + 1)]
    before = [min(CONTEXT_TOKENS, bound) for bound in bounds[:-1]]
    rows = [ids[bounds[k] - before[k] : bounds[k + 1] + 1] for k in range(streams)]
    return Passage(encoded, ids[context + 1 :], rows, before)


def read_quantities(passages: Sequence[Passage], read: QuantityReader) -> Iterator[Values]:
    """Read the rows of all passages in one call; yield each passage's quantities of its targets: (T,) or (T, m)."""
    results = iter(read([row for each in passages for row in each.rows]))
    for each in passages:
        rows = [next(results) for _ in each.rows]
        yield {
            name: np.concatenate([row[name][count:] for row, count in zip(rows, each.context, strict=True)])
            for name in rows[0]
        }


def read_logprobs(passages: Sequence[Passage], read: RowReader) -> Iterator[Floats]:
    """Read the rows of all passages in one call; yield log P, (T,) or (T, m), of each passage's targets, in nats."""
    named = read_quantities(passages, lambda rows: ({LOGPROB: logprobs} for logprobs in read(rows)))
    return (each[LOGPROB] for each in named)
