"""Evaluate a model on texts: one function for `charlm evaluate` and for validation during training."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial, reduce
from itertools import islice
from typing import cast

from charlm.config import TextMode
from charlm.data.encoding import UnknownPolicy
from charlm.errors import ConfigError
from charlm.markup import table
from charlm.nn.network import Network
from charlm.nn.probability import log_probabilities
from charlm.scoring.adapting import AdaptiveReader
from charlm.scoring.lines import measure_lines
from charlm.scoring.measure import Measure
from charlm.scoring.passages import RowReader, passage, read_logprobs
from charlm.tokenizers import Tokenizer
from charlm.wording import figure, plural


@dataclass(frozen=True)
class Evaluation(Measure):
    """How well a model predicts a text: sums over its tokens, from which the figures follow, and how it was read.

    nats: minus the log-probability of all tokens.
    tokens: number of tokens that were scored.
    characters: of the text; a line end that is scored counts as one.
    bytes: of the text in UTF-8; a line end that is scored counts as one.
    unknown: characters outside the vocabulary.
    known_nats: minus the log-probability of the tokens that are not <UNK>.
    known_tokens: number of tokens that are not <UNK>.
    known_characters: characters that are not unknown.
    streams: pieces in which a running text was read; None for lines and windows.
    window: tokens of a window; None if the text was not read in windows.
    adapting: the methods by which the model adapted to what it had read; None for a model that did not adapt.
    """

    streams: int | None
    window: int | None
    adapting: tuple[str, ...] | None = None

    def __repr__(self) -> str:
        perplexity, bits = figure(self.perplexity), figure(self.bits_per_char_known)
        character = "known character" if self.unknown else "character"
        unknown = f", {plural(self.unknown, 'unknown character')}" if self.unknown else ""
        counts = f"{plural(self.tokens, 'token')}{unknown}"
        return f"<Evaluation: perplexity {perplexity}, {bits} bits per {character}, {counts}>"

    def _repr_html_(self) -> str:
        """Return the figures in a table, which a notebook shows."""
        rows = {
            "perplexity": figure(self.perplexity),
            "bits per character": figure(self.bits_per_char_known),
            "bits per byte": figure(self.bits_per_byte),
            "tokens": f"{self.tokens:,}",
            "characters": f"{self.characters:,}",
            "unknown characters": f"{self.unknown:,}",
        }
        return table(list(rows.items()))

    @staticmethod
    def total(parts: Sequence["Evaluation"]) -> "Evaluation":
        """Add up the evaluations of one text or more."""
        if len(parts) == 1:
            return parts[0]
        sums = reduce(Measure.__add__, parts[1:], cast(Measure, parts[0]))
        streams = [part.streams for part in parts if part.streams is not None]
        first = parts[0]
        together = sum(streams) if streams else None
        return Evaluation(**vars(sums), streams=together, window=first.window, adapting=first.adapting)

    @property
    def objective(self) -> tuple[float, ...]:
        """What a training run minimizes."""
        return (self.known_nats,)

    @property
    def headline(self) -> float | None:
        """The figure of a validation curve, in bits per character."""
        return self.bits_per_char_known

    @property
    def brief(self) -> str:
        """The figures in a line of a log."""
        return f"{figure(self.known_nats_per_token)} nats  {figure(self.bits_per_char_known, '.3f')} bits/char"

    @property
    def sentence(self) -> str:
        """The figures in words."""
        unknown = f" (without {plural(self.unknown, 'unknown character')})" if self.unknown else ""
        bits = figure(self.bits_per_char_known, ".3f")
        return f"{figure(self.known_nats_per_token)} nats per token, {bits} bits per character{unknown}"

    def curves(self) -> dict[str, float | None]:
        """Return the figures for TensorBoard."""
        return {"loss": self.known_nats_per_token, "bits per character": self.bits_per_char_known}

    def summary(self) -> dict[str, float | None]:
        """Return the figures of a validation, as they are stored and printed."""
        return {
            "nats_per_token": self.nats_per_token,
            "bits_per_char": self.bits_per_char,
            "perplexity": self.perplexity,
            "tokens": self.tokens,
            "characters": self.characters,
            **(self._known() if self.unknown else {}),
        }

    def _known(self) -> dict[str, float | None]:
        return {
            "nats_per_token_known": self.known_nats_per_token,
            "bits_per_char_known": self.bits_per_char_known,
        }


def evaluate(
    network: Network,
    tokenizer: Tokenizer,
    mode: TextMode,
    documents: Sequence[Sequence[str]],
    *,
    unknown: UnknownPolicy = "unk",
    window: int | None = None,
    streams: int | None = None,
    adapting: AdaptiveReader | None = None,
    read: RowReader | None = None,
) -> list[Evaluation]:
    """Evaluate each document, given as its sequences, in a text mode; every sequence begins in a zero state.

    A line is read to its EOS. The EOS of a running text is scored if the model can predict one. `passages` describes
    `window` and `streams`. `adapting` reads sequence after sequence, each from its start to its end. read: reads the
    rows in place of the network.

    Raises ConfigError for numbers that are out of range or do not apply, CorpusError for a text that is shorter than
    one window, UnknownCharacterError.
    """
    line = mode == TextMode.LINE
    if line and not (window is None and streams is None):
        raise ConfigError("window and streams apply to running text; this is a line model")
    if window is not None and streams is not None:
        raise ConfigError("give window or streams, not both: windows are not cut from streams")
    if adapting is not None:
        streams = one_stream(window, streams)
    methods = adapting.methods if adapting else None
    read_rows = read or row_reader(network, adapting)
    if line:
        measures = measure_lines(tokenizer, documents, unknown, read_rows)
        return [Evaluation(**vars(each), streams=None, window=None, adapting=methods) for each in measures]
    eos = bool(network.allowed_tokens[tokenizer.EOS])
    settings = {"window": window, "streams": streams}
    passages = [
        passage(tokenizer, text, mode=mode, eos=eos, unknown=unknown, **settings)
        for document in documents
        for text in document
    ]
    results = (
        Evaluation(
            **vars(each.measure(logprobs, mode=mode)),
            streams=None if window else len(each.rows),
            window=window,
            adapting=methods,
        )
        for each, logprobs in zip(passages, read_logprobs(passages, read_rows), strict=True)
    )
    return [Evaluation.total(list(islice(results, len(document)))) for document in documents]


def row_reader(network: Network, adapting: AdaptiveReader | None) -> RowReader:
    """Return what reads rows: a model that adapts, or else the network."""
    return adapting.log_probabilities if adapting else partial(log_probabilities, network)


def one_stream(window: int | None, streams: int | None) -> int:
    """Return the number of streams for a model that adapts, 1. Raise ConfigError if the text would be cut."""
    if window is not None or streams not in (None, 1):
        raise ConfigError("a model that adapts reads a text from its start to its end; leave window and streams out")
    return 1
