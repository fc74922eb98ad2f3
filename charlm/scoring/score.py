"""The probability of a text by the chain rule: P(y<1>) · P(y<2> | y<1>) · …"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from charlm.config import check_range
from charlm.data.encoding import Encoded, UnknownPolicy, encode
from charlm.errors import ConfigError
from charlm.nn import probability
from charlm.nn.network import Network
from charlm.nn.probability import perplexity
from charlm.scoring import units
from charlm.scoring.adapting import AdaptiveReader
from charlm.scoring.measure import measure
from charlm.scoring.units import Unit
from charlm.tokenizers import Ids, Tokenizer

_Parts = tuple[list[str | None], NDArray[np.float64], NDArray[np.bool_]]  # names, log P, whether all of it is known
_BOUNDARY, _ENTROPY, _RANK = "boundary", "entropy", "rank"  # names of quantities
_LIKELIEST_IDS, _LIKELIEST_LOGPROBS = "likeliest_ids", "likeliest_logprobs"


@dataclass(frozen=True)
class ScoreConfig:
    """What a score is the probability of, and what is told beside it.

    bos: START is read first; without it the first token of what is read is context and has no probability. eos: the
    end is scored too. context: read before the text, and not scored. unit: what `Score.tokens` are, tokens, characters
    or words; `units` says when a word has an exact probability. alternatives: None for the probabilities alone; a
    number for the entropy before each token, its rank, and so many of the likeliest symbols there.
    """

    eos: bool
    bos: bool = True
    context: str = ""
    unknown: UnknownPolicy = "unk"
    unit: Unit = units.TOKEN
    alternatives: int | None = None


class ScoreOptions(TypedDict, total=False):
    """The choices of a `ScoreConfig` that have a default there."""

    bos: bool
    context: str
    unknown: UnknownPolicy
    unit: Unit
    alternatives: int | None


@dataclass(frozen=True)
class Score:
    """What a model thinks of one text. Logarithms are natural."""

    text: str
    tokens: list[str | None]  # those scored; None is a control symbol: <EOS>, or <UNK> for an unknown character
    logprobs: list[float]  # log P of each token given those before it
    logprob: float  # their sum
    perplexity: float | None  # None for no tokens
    bits_per_char: float | None  # None for no characters, or where one is unknown
    unknown: int  # characters the model has no symbol for
    eos: bool  # whether <EOS> was scored
    bits_per_char_known: float | None  # over the known characters, where some are unknown
    bos: bool  # whether the text was read after the start symbol
    context: str  # what else was read before it
    unit: Unit  # what the tokens are
    given: list[str | None]  # the text's first token, where it was context
    known: int  # tokens without an unknown character
    logprob_known: float  # the sum over these
    perplexity_known: float | None  # and their perplexity
    entropies: list[float] | None = None  # in nats, before each token came
    ranks: list[int] | None = None  # 1: no symbol was likelier
    alternatives: list[list[tuple[str | None, float]]] | None = None  # the likeliest symbols there, with log P
    lengths: list[int] | None = None  # characters of the text that each token completes, where some are not one
    adapting: tuple[str, ...] | None = None  # how the model adapted to what it had read; None where it did not


def score(
    network: Network,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    how: ScoreConfig,
    *,
    line: bool,
    adapting: AdaptiveReader | None = None,
) -> list[Score]:
    """Score each text from a zero state. `line`: a line end, which is EOS, counts as a character.

    `adapting` reads text after text, each with its start and context, and learns from all of that.

    Raises ConfigError for a unit that has no exact probabilities, UnknownCharacterError.
    """
    _check(tokenizer, how)
    encoded = [encode(tokenizer, text, how.unknown) for text in texts]
    start = [tokenizer.START] if how.bos else []
    before = np.concatenate((start, encode(tokenizer, how.context, how.unknown).ids)).astype(np.int32)
    end = np.array([tokenizer.EOS] if how.eos else [], dtype=np.int32)
    rows = [np.concatenate((before, each.ids, end)) for each in encoded]
    first = max(1, len(before))  # the first token that has a probability
    others = _other_quantities(tokenizer, how)
    read = adapting.quantities(rows, others) if adapting else probability.quantities(network, rows, others)
    return [
        _Read(
            text,
            each,
            first - len(before),
            row[len(before) :],
            {name: part[first - 1 :] for name, part in values.items()},
        ).score(tokenizer, how, line, adapting)
        for text, each, row, values in zip(texts, encoded, rows, read, strict=True)
    ]


def _other_quantities(tokenizer: Tokenizer, how: ScoreConfig) -> dict[str, probability.Quantity]:
    """Return what a score needs in addition to log P of the tokens."""
    if how.unit == units.WORD:
        return {_BOUNDARY: probability.log_mass(units.boundaries(tokenizer))}
    if how.alternatives is None:
        return {}
    return {
        _ENTROPY: probability.entropy,
        _RANK: probability.rank,
        _LIKELIEST_IDS: probability.likeliest(how.alternatives),
        _LIKELIEST_LOGPROBS: probability.highest(how.alternatives),
    }


def _check(tokenizer: Tokenizer, how: ScoreConfig) -> None:
    units.check(tokenizer, how.unit)
    check_range("alternatives", how.alternatives, 0, float("inf"))
    if units.is_token(tokenizer, how.unit):
        return
    if how.alternatives is not None:
        raise ConfigError(
            f"entropy, rank and alternatives are those of a token; a {how.unit} has none: leave out the unit"
        )
    if not (how.bos or how.context):
        raise ConfigError(
            f"without the start symbol the first token is context, and the first {how.unit} has no probability; "
            "give a context, or score tokens"
        )


@dataclass(frozen=True)
class _Read:
    """A text that was read: its ids, and <EOS> where that is scored, of which the first `given` were context, and what
    was asked of the others."""

    text: str
    encoded: Encoded
    given: int
    ids: Ids
    values: probability.Values

    def score(self, tokenizer: Tokenizer, how: ScoreConfig, line: bool, adapting: AdaptiveReader | None) -> Score:
        rest, scored = self.encoded.rest(self.given), self.ids[self.given :]
        logprobs = self.values[probability.LOGPROB]
        total = measure(rest.text, scored, rest.lengths, logprobs, line=line, skipped=self.encoded.skipped)
        each = units.is_token(tokenizer, how.unit)
        names, values, known = self._tokens(tokenizer) if each else self._grouped(tokenizer, rest, how.unit)
        known_sum = float(values[known].sum())
        lengths = [*rest.lengths.tolist(), *[0] * how.eos] if each and (rest.lengths != 1).any() else None
        detailed = how.alternatives is not None
        return Score(
            text=self.text,
            tokens=names,
            logprobs=values.tolist(),
            logprob=0.0 - total.nats,  # not -0.0 for an empty text
            perplexity=perplexity(total.nats, len(names)),
            bits_per_char=total.bits_per_char,
            unknown=total.unknown,
            eos=how.eos,
            bits_per_char_known=total.bits_per_char_known if total.unknown else None,
            bos=how.bos,
            context=how.context,
            unit=how.unit,
            given=tokenizer.token_texts(self.ids[: self.given]),
            known=int(known.sum()),
            logprob_known=known_sum,
            perplexity_known=perplexity(-known_sum, int(known.sum())),
            entropies=self.values[_ENTROPY].tolist() if detailed else None,
            ranks=self.values[_RANK].tolist() if detailed else None,
            alternatives=self._alternatives(tokenizer) if how.alternatives else None,
            lengths=lengths,
            adapting=adapting.methods if adapting else None,
        )

    def _tokens(self, tokenizer: Tokenizer) -> _Parts:
        scored = self.ids[self.given :]
        return tokenizer.token_texts(scored), self.values[probability.LOGPROB], scored != tokenizer.UNK

    def _grouped(self, tokenizer: Tokenizer, rest: Encoded, unit: Unit) -> _Parts:
        """The words or characters, and <EOS> where it was scored."""
        logprobs = self.values[probability.LOGPROB]
        words = unit == units.WORD
        starts = units.word_starts(tokenizer, rest.text) if words else list(range(len(rest.text)))
        pieces = units.groups(starts, rest.lengths)
        names: list[str | None] = [rest.text[a:b] for a, b in pairwise([*starts, len(rest.text)])]
        if len(logprobs) > len(rest.ids):
            pieces.append(slice(len(rest.ids), len(rest.ids) + 1))
            names.append(None)
        scored = self.ids[self.given :]
        known = [bool((scored[piece] != tokenizer.UNK).all()) for piece in pieces]
        sums = (
            units.shift_boundaries(logprobs, self.values[_BOUNDARY], pieces) if words else units.sums(logprobs, pieces)
        )
        return names, np.array(sums), np.array(known, dtype=bool)

    def _alternatives(self, tokenizer: Tokenizer) -> list[list[tuple[str | None, float]]]:
        ids, logprobs = self.values[_LIKELIEST_IDS], self.values[_LIKELIEST_LOGPROBS]
        return [
            list(zip(tokenizer.token_texts(some), values.tolist(), strict=True))
            for some, values in zip(ids, logprobs, strict=True)
        ]
