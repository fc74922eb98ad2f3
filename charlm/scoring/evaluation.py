"""Evaluate a model on texts: one function for `charlm evaluate` and for validation during training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial, reduce
from itertools import islice
from typing import Any, ClassVar, cast

from charlm.config import TextMode
from charlm.cost import Cost
from charlm.data.encoding import UnknownPolicy
from charlm.errors import ConfigError
from charlm.markup import table
from charlm.nn.mixed import COUNTS, NETWORK
from charlm.nn.network import Network
from charlm.nn.probability import part_log_probabilities
from charlm.scoring.adapting import AdaptiveReader
from charlm.scoring.lines import measure_lines
from charlm.scoring.measure import Measure
from charlm.scoring.passages import Columns, Floats, Passage, RowReader, passage, read_logprobs
from charlm.tokenizers import Tokenizer
from charlm.wording import each_alone, figure, plural


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

    part_sums: ClassVar[tuple[str, ...]] = ()  # fields with the sums of parts

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
            **{f"bits per character by {name} alone": figure(bits) for name, bits in self.parts.items()},
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
        of_parts = {name: sum(getattr(part, name) for part in parts) for name in first.part_sums}
        return type(first)(**vars(sums), **of_parts, streams=together, window=first.window, adapting=first.adapting)

    @property
    def by_part(self) -> dict[str, Measure]:
        """How well each part of the model predicts the text alone, by its name; empty for a network without counts."""
        return {}

    @property
    def parts(self) -> Mapping[str, float | None]:
        """The headline of each part alone."""
        return {name: part.bits_per_char_known for name, part in self.by_part.items()}

    @property
    def objective(self) -> tuple[float, ...]:
        """What a training run minimizes."""
        return (self.known_nats,)

    @property
    def cost(self) -> Cost:
        """What a search minimizes: bits per character, which do not depend on what a token is."""
        return Cost(self.bits_per_char_known, "bits per character")

    @property
    def headline(self) -> float | None:
        """The figure of a validation curve, in bits per character."""
        return self.bits_per_char_known

    @property
    def brief(self) -> str:
        """The figures in a line of a log."""
        each = ", ".join(f"{name} {figure(bits, '.3f')}" for name, bits in self.parts.items())
        parts = f" ({each})" if each else ""
        return f"{figure(self.known_nats_per_token)} nats  {figure(self.bits_per_char_known, '.3f')} bits/char{parts}"

    @property
    def sentence(self) -> str:
        """The figures in words."""
        unknown = f" (without {plural(self.unknown, 'unknown character')})" if self.unknown else ""
        bits = figure(self.bits_per_char_known, ".3f")
        parts = f" ({each_alone(self.parts, '.3f')})" if self.parts else ""
        return f"{figure(self.known_nats_per_token)} nats per token, {bits} bits per character{unknown}{parts}"

    def curves(self) -> dict[str, float | None]:
        """Return the figures for TensorBoard."""
        parts = {f"bits per character by {name} alone": bits for name, bits in self.parts.items()}
        return {"loss": self.known_nats_per_token, "bits per character": self.bits_per_char_known, **parts}

    def summary(self) -> dict[str, float | None]:
        """Return the figures of a validation, as they are stored and printed."""
        return {
            "nats_per_token": self.nats_per_token,
            "bits_per_char": self.bits_per_char,
            "perplexity": self.perplexity,
            "tokens": self.tokens,
            "characters": self.characters,
            **(self._known() if self.unknown else {}),
            **{f"{name}_bits_per_char": bits for name, bits in self.parts.items()},
        }

    def _known(self) -> dict[str, float | None]:
        return {
            "nats_per_token_known": self.known_nats_per_token,
            "bits_per_char_known": self.bits_per_char_known,
        }


@dataclass(frozen=True, kw_only=True)
class MixedEvaluation(Evaluation):
    """How well a network and counts of n-grams predict a text together, and each alone.

    network_nats: minus the log-probability of all tokens by the network alone.
    network_known_nats: minus that of the tokens that are not <UNK>.
    counts_nats: minus the log-probability of all tokens by the counts alone.
    counts_known_nats: minus that of the tokens that are not <UNK>.
    """

    part_sums: ClassVar[tuple[str, ...]] = ("network_nats", "network_known_nats", "counts_nats", "counts_known_nats")

    network_nats: float
    network_known_nats: float
    counts_nats: float
    counts_known_nats: float

    @property
    def by_part(self) -> dict[str, Measure]:
        whole = Measure(**{each.name: getattr(self, each.name) for each in fields(Measure)})
        return {
            NETWORK: replace(whole, nats=self.network_nats, known_nats=self.network_known_nats),
            COUNTS: replace(whole, nats=self.counts_nats, known_nats=self.counts_known_nats),
        }

    def with_network_alone(self) -> "MixedEvaluation":
        """Return the evaluation of the same network without a share of the counts."""
        return replace(self, nats=self.network_nats, known_nats=self.network_known_nats)


def _evaluation(
    whole: Measure,
    part_nats: Sequence[float],
    *,
    streams: int | None,
    window: int | None,
    adapting: AdaptiveReader | None,
) -> Evaluation:
    methods = adapting.methods if adapting else None
    if not part_nats:
        return Evaluation(**vars(whole), streams=streams, window=window, adapting=methods)
    sums: dict[str, Any] = dict(zip(MixedEvaluation.part_sums, part_nats, strict=True)) | vars(whole)
    return MixedEvaluation(**sums, streams=streams, window=window, adapting=methods)


def evaluation_of(
    part: Passage, logprobs: Floats, mode: TextMode, window: int | None, adapting: AdaptiveReader | None
) -> Evaluation:
    """Return the evaluation of a passage of running text from log P of its targets, as a `RowReader` returns it."""
    columns = Columns.of(logprobs)
    streams = None if window else len(part.rows)
    whole, part_nats = part.measure(columns.whole, mode=mode), columns.part_nats(part.targets)
    return _evaluation(whole, part_nats, streams=streams, window=window, adapting=adapting)


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
    read_rows = read or row_reader(network, adapting)
    if line:
        measures = measure_lines(tokenizer, documents, unknown, read_rows)
        return [_evaluation(*each, streams=None, window=None, adapting=adapting) for each in measures]
    eos = bool(network.allowed_tokens[tokenizer.EOS])
    settings = {"window": window, "streams": streams}
    passages = [
        passage(tokenizer, text, mode=mode, eos=eos, unknown=unknown, **settings)
        for document in documents
        for text in document
    ]
    results = (
        evaluation_of(each, logprobs, mode, window, adapting)
        for each, logprobs in zip(passages, read_logprobs(passages, read_rows), strict=True)
    )
    return [Evaluation.total(list(islice(results, len(document)))) for document in documents]


def row_reader(network: Network, adapting: AdaptiveReader | None) -> RowReader:
    """Return what reads rows: a model that adapts, or else the network."""
    return adapting.log_probabilities if adapting else partial(part_log_probabilities, network)


def one_stream(window: int | None, streams: int | None) -> int:
    """Return the number of streams for a model that adapts, 1. Raise ConfigError if the text would be cut."""
    if window is not None or streams not in (None, 1):
        raise ConfigError("a model that adapts reads a text from its start to its end; leave window and streams out")
    return 1
