"""How well a model predicts a text: one function for `charlm evaluate` and for validation while training."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from itertools import islice
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from charlm.config import check_range
from charlm.data.encoding import UnknownPolicy, encode
from charlm.errors import ConfigError, CorpusError
from charlm.nn.network import Network
from charlm.nn.probability import log_probabilities
from charlm.scoring.adapting import Adapting
from charlm.scoring.lines import measure_lines
from charlm.scoring.measure import Measure, measure
from charlm.tokenizers import Ids, Tokenizer

WARM_UP = 256  # tokens read before a piece of a stream, so that it does not begin cold
# A network and rows of tokens → log P of each token but the first, as `log_probabilities` has it.
Reader = Callable[[Network, Sequence[Ids]], list[NDArray[np.float64]]]
_SHORTEST_PIECE = 4096
_MOST_PIECES = 64


@dataclass(frozen=True)
class Evaluation(Measure):
    """A measure, and the protocol it was taken by: `streams` pieces of a stream, or windows of `window` tokens.

    adapting: the ways in which the model adapted to what it had read; None for a model that did not.
    """

    streams: int | None
    window: int | None
    adapting: tuple[str, ...] | None = None

    @staticmethod
    def total(parts: Sequence["Evaluation"]) -> "Evaluation":
        """The evaluation of several texts, one or more, as one."""
        if len(parts) == 1:
            return parts[0]
        sums = reduce(Measure.__add__, parts[1:], cast(Measure, parts[0]))
        streams = [part.streams for part in parts if part.streams is not None]
        first = parts[0]
        together = sum(streams) if streams else None
        return Evaluation(**vars(sums), streams=together, window=first.window, adapting=first.adapting)

    def summary(self) -> dict[str, float | None]:
        """The figures of a validation, as they are stored and printed."""
        return {
            "nats_per_token": self.nats_per_token,
            "bits_per_char": self.bits_per_char,
            "perplexity": self.perplexity,
            "tokens": self.tokens,
            "characters": self.characters,
            **({"bits_per_char_known": self.bits_per_char_known} if self.unknown else {}),
        }


def evaluate(
    network: Network,
    tokenizer: Tokenizer,
    kind: str,
    documents: Sequence[Sequence[str]],
    unknown: UnknownPolicy = "unk",
    window: int | None = None,
    streams: int | None = None,
    adapting: Adapting | None = None,
    read: Reader = log_probabilities,
) -> list[Evaluation]:
    """Evaluate each document, given as its sequences, of the `kind` line or stream: each from a zero state.

    A line is read to its EOS. A stream's EOS is scored where the model can predict one. Without `window` it is cut
    into `streams` equal pieces read side by side, each after the 256 tokens before it, which are not counted. With it:
    windows of that many targets, each from a zero state after the token before its first target; a last partial
    window is left out. `adapting` reads sequence after sequence, each from its start to its end.

    read: who else reads the rows. Raises ConfigError for a number out of range or to no purpose, CorpusError for a text
    shorter than one window.
    """
    if kind == "line" and not (window is None and streams is None):
        raise ConfigError("window and streams cut a running text; this is a model of lines")
    if window is not None and streams is not None:
        raise ConfigError("give window or streams, not both: windows are not cut from streams")
    if adapting is not None:
        streams = undivided(window, streams)
    ways = adapting.ways if adapting else None
    read_rows = adapting.log_probabilities if adapting else partial(read, network)
    if kind == "line":
        measures = measure_lines(tokenizer, documents, unknown, read_rows)
        return [Evaluation(**vars(found), streams=None, window=None, adapting=ways) for found in measures]
    eos = bool(network.predictable[tokenizer.EOS])
    encoded = [encode(tokenizer, text, unknown) for document in documents for text in document]
    cuts = [cut(tokenizer.sequence(each.ids, eos=eos), False, window, streams) for each in encoded]
    logs = iter(read_rows([row for each in cuts for row in each.rows]))
    results = []
    for text, parts in zip(encoded, cuts, strict=True):
        found = measure(text.text, parts.targets, text.lengths, parts.counted(logs), line=False, skipped=text.skipped)
        pieces = None if window else len(parts.rows)
        results.append(Evaluation(**vars(found), streams=pieces, window=window, adapting=ways))
    each = iter(results)
    return [Evaluation.total(list(islice(each, len(document)))) for document in documents]


def undivided(window: int | None, streams: int | None) -> int:
    """The number of streams for a model that adapts: one. Raises ConfigError where a text should be cut."""
    if window is not None or streams not in (None, 1):
        raise ConfigError("a model that adapts reads a text from its start to its end; leave window and streams out")
    return 1


class Cut(NamedTuple):
    """Rows to read, how many tokens of each only warm up, and the targets that are counted."""

    rows: list[Ids]
    warm: list[int]
    targets: Ids

    def counted(self, read: Iterator[NDArray[np.float64]]) -> NDArray[np.float64]:
        """log P of the targets, from those of the rows, which come in order."""
        return np.concatenate([logprobs[warm:] for warm, logprobs in zip(self.warm, read, strict=False)])


def cut(ids: Ids, line: bool, window: int | None, streams: int | None, context: int = 0) -> Cut:
    """What to read of START and a text; of the part of one, `context` tokens before the one that its first follows."""
    count = len(ids) - 1 - context
    if line:
        return Cut([ids], [0], ids[1:])
    if window is not None:
        check_range("window", window, 1, float("inf"))
        if count < window:
            raise CorpusError(f"the text has {count:,} tokens, fewer than one window of {window:,}")
        starts = range(context, context + count - window + 1, window)
        rows = [ids[start : start + window + 1] for start in starts]
        return Cut(rows, [0] * len(rows), ids[context + 1 : context + len(rows) * window + 1])
    streams = min(_MOST_PIECES, max(1, count // _SHORTEST_PIECE)) if streams is None else streams
    check_range("streams", streams, 1, max(1, count))
    cuts = [context + count * piece // streams for piece in range(streams + 1)]
    warm = [min(WARM_UP, cut) for cut in cuts[:-1]]
    rows = [ids[cuts[k] - warm[k] : cuts[k + 1] + 1] for k in range(streams)]
    return Cut(rows, warm, ids[context + 1 :])
