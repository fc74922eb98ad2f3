"""The probability of a text by the chain rule: P(y<1>) · P(y<2> | y<1>) · …"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from charlm import probability
from charlm.config import check_range
from charlm.data.encoding import Encoded, UnknownPolicy, encode
from charlm.errors import ConfigError
from charlm.measure import measure, perplexity
from charlm.network import Network
from charlm.scoring import units
from charlm.scoring.adapting import Adapting, read
from charlm.scoring.units import Unit
from charlm.tokenizers import Ids, Tokenizer

_Parts = tuple[list[str | None], NDArray[np.float64], NDArray[np.bool_]]  # names, log P, whether all of it is known


@dataclass(frozen=True)
class Convention:
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


class How(TypedDict, total=False):
    """The choices of a `Convention` that have a default there."""

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
    adapting: tuple[str, ...] | None = None  # how the model adapted to what it had read; None where it did not


def score(
    network: Network,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    how: Convention,
    *,
    line: bool,
    adapting: Adapting | None = None,
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
    found = read(network, adapting, rows, _asked(tokenizer, how))
    ways = adapting.ways if adapting else None
    return [
        _Read(text, each, row[len(before) : first], row[first:], [part[first - 1 :] for part in parts]).score(
            tokenizer, how, line, ways
        )
        for text, each, row, parts in zip(texts, encoded, rows, found, strict=True)
    ]


def _asked(tokenizer: Tokenizer, how: Convention) -> list[probability.Quantity]:
    asked: list[probability.Quantity] = [probability.log_probability]
    if how.unit == units.WORD:
        asked.append(probability.log_mass(units.boundaries(tokenizer)))
    elif how.alternatives is not None:
        asked += [probability.entropy, probability.rank]
        asked += [each(how.alternatives) for each in (probability.likeliest, probability.highest)]
    return asked


def _check(tokenizer: Tokenizer, how: Convention) -> None:
    units.check(tokenizer, how.unit)
    check_range("alternatives", how.alternatives, 0, float("inf"))
    if how.unit == units.WORD and how.alternatives is not None:
        raise ConfigError("entropy, rank and alternatives are those of a token; a word has none: leave out the unit")
    if how.unit == units.WORD and not (how.bos or how.context):
        raise ConfigError(
            "without the start symbol the first letter is context, and the first word has no probability; "
            "give a context, or score tokens"
        )


@dataclass(frozen=True)
class _Read:
    """A text that was read: its first token, where that was context, the scored ones, and what was asked of them."""

    text: str
    encoded: Encoded
    given: Ids
    scored: Ids
    found: list[NDArray[Any]]

    def score(self, tokenizer: Tokenizer, how: Convention, line: bool, ways: tuple[str, ...] | None) -> Score:
        rest = self.encoded.text[len(tokenizer.decode(self.given)) :]
        total = measure(tokenizer, rest, self.scored, self.found[0], line=line, skipped=self.encoded.skipped)
        names, values, known = self._words(tokenizer, rest) if how.unit == units.WORD else self._tokens(tokenizer)
        known_sum = float(values[known].sum())
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
            given=tokenizer.symbols(self.given),
            known=int(known.sum()),
            logprob_known=known_sum,
            perplexity_known=perplexity(-known_sum, int(known.sum())),
            entropies=self.found[1].tolist() if detailed else None,
            ranks=self.found[2].tolist() if detailed else None,
            alternatives=self._alternatives(tokenizer) if how.alternatives else None,
            adapting=ways,
        )

    def _tokens(self, tokenizer: Tokenizer) -> _Parts:
        return tokenizer.symbols(self.scored), self.found[0], self.scored != tokenizer.UNK

    def _words(self, tokenizer: Tokenizer, text: str) -> _Parts:
        """The words, and <EOS> where it was scored."""
        logprobs, boundary = self.found
        ends = int((self.scored == tokenizer.EOS).sum())
        symbols = tokenizer.symbols(self.scored[: len(self.scored) - ends])
        starts = units.word_starts(text)
        pieces = units.groups(starts, units.lengths(symbols))
        names: list[str | None] = [text[a:b] for a, b in pairwise([*starts, len(text)])]
        if ends:
            pieces.append(slice(len(symbols), len(symbols) + 1))
            names.append(None)
        known = [bool((self.scored[piece] != tokenizer.UNK).all()) for piece in pieces]
        return names, np.array(units.closed(logprobs, boundary, pieces)), np.array(known, dtype=bool)

    def _alternatives(self, tokenizer: Tokenizer) -> list[list[tuple[str | None, float]]]:
        ids, logprobs = self.found[3:]
        return [
            list(zip(tokenizer.symbols(some), values.tolist(), strict=True))
            for some, values in zip(ids, logprobs, strict=True)
        ]
