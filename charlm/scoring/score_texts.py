"""Score texts by the chain rule: P(text) = P(y<1>) · P(y<2> | y<1>) · …"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charlm.config import TextMode
from charlm.data.encoding import Encoded
from charlm.errors import ConfigError
from charlm.nn import probability
from charlm.nn.mixed import COUNTS, GATE
from charlm.nn.network import Network
from charlm.nn.probability import LOGPROB, perplexity
from charlm.scoring import units
from charlm.scoring.adapting import AdaptiveReader
from charlm.scoring.context import InContext, encode_in_context
from charlm.scoring.measure import measure
from charlm.scoring.score import Score, ScoreConfig
from charlm.scoring.units import Unit
from charlm.settings import check_count
from charlm.tokenizers import Ids, Tokenizer, select_text

_BOUNDARY, _ENTROPY, _RANK = "boundary", "entropy", "rank"  # names of quantities
_LIKELIEST_IDS, _LIKELIEST_LOGPROBS = "likeliest_ids", "likeliest_logprobs"
_Floats = NDArray[np.float64]


class _Units(NamedTuple):
    """Units of a text: their names, log P of each, whether each has known characters only, and its tokens."""

    names: list[str | None]
    logprobs: _Floats
    known: NDArray[np.bool_]
    tokens: list[slice] | None = None  # None: each unit is one token

    def means(self, values: _Floats) -> list[float]:
        """Return the mean of a value over the tokens of each unit; 0 for a unit without tokens."""
        if self.tokens is None:
            return list(map(float, values))
        return [float(values[each].mean()) if len(values[each]) else 0.0 for each in self.tokens]


def score(
    network: Network,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    config: ScoreConfig,
    *,
    mode: TextMode,
    adapting: AdaptiveReader | None = None,
) -> list[Score]:
    """Score each text from a zero state.

    mode: in line mode <EOS> is the end of a line, which counts as a character. adapting: reads text after text, each
    with its START and context, and learns from all of that.

    Raises ConfigError for a unit that has no exact probabilities, UnknownCharacterError.
    """
    _check(tokenizer, config)
    encoded = [encode_in_context(tokenizer, config.context, text, config.unknown) for text in texts]
    start = np.array([tokenizer.START] if config.bos else [], dtype=np.int32)
    end = np.array([tokenizer.EOS] if config.eos else [], dtype=np.int32)
    rows = [np.concatenate((start, each.before, each.scored.ids, end)) for each in encoded]
    others = _other_quantities(tokenizer, config)
    read = adapting.quantities(rows, others) if adapting else probability.quantities(network, rows, others)
    scored = (
        _ScoredText.of(text, each, row, values, read=len(start) + len(each.before))
        for text, each, row, values in zip(texts, encoded, rows, read, strict=True)
    )
    methods = adapting.methods if adapting else None
    return [each.score(tokenizer, config, mode, methods) for each in scored]


def _other_quantities(tokenizer: Tokenizer, config: ScoreConfig) -> dict[str, probability.Quantity]:
    """Return what a score needs in addition to log P of the tokens."""
    if config.unit == units.WORD:
        return {_BOUNDARY: probability.log_mass(units.boundaries(tokenizer))}
    if config.alternatives is None:
        return {}
    return {
        _ENTROPY: probability.entropy,
        _RANK: probability.rank,
        _LIKELIEST_IDS: probability.likeliest(config.alternatives),
        _LIKELIEST_LOGPROBS: probability.highest(config.alternatives),
    }


def _check(tokenizer: Tokenizer, config: ScoreConfig) -> None:
    units.check(tokenizer, config.unit)
    check_count("alternatives", config.alternatives, 0)
    if units.is_token(tokenizer, config.unit):
        return
    if config.alternatives is not None:
        raise ConfigError(
            f"entropy, rank and alternatives exist for tokens only; use the unit token instead of {config.unit}"
        )
    if not (config.bos or config.context):
        raise ConfigError(
            f"without the start token the first token is context, so the first {config.unit} has no probability; "
            "give a context, or use the unit token"
        )


@dataclass(frozen=True)
class _ScoredText:
    """A text and what the model computed for it.

    A tokenizer cuts a text into tokens, and a score may be wanted per character or word. So three sequences must be
    kept in step: characters (`encoded.text`), tokens (`ids`, with <EOS> if it is scored), and the quantities in
    `values`. The first `given` tokens were context: they have an id but no values. `moved` is the end of the context
    that `encoded.text` begins with.
    """

    text: str
    encoded: Encoded
    moved: str
    given: int
    ids: Ids
    values: probability.Values

    @classmethod
    def of(cls, text: str, encoded: InContext, row: Ids, values: probability.Values, *, read: int) -> "_ScoredText":
        """Take the scored part of a row, whose first `read` tokens come before it, and of what was computed for it."""
        first = max(1, read)  # index of the first token that has a probability
        scored = {name: part[first - 1 :] for name, part in values.items()}
        return cls(text, encoded.scored, encoded.moved, first - read, row[read:], scored)

    def score(
        self, tokenizer: Tokenizer, config: ScoreConfig, mode: TextMode, methods: tuple[str, ...] | None
    ) -> Score:
        rest, scored = self.encoded.rest(self.given), self.ids[self.given :]
        logprobs = self.values[LOGPROB]
        total = measure(rest.text, scored, rest.lengths, logprobs, mode=mode, skipped=self.encoded.skipped)
        by_token = units.is_token(tokenizer, config.unit)
        named = self._tokens(tokenizer) if by_token else self._grouped(tokenizer, rest, config.unit)
        known_sum = float(named.logprobs[named.known].sum())
        lengths = [*rest.lengths.tolist(), *[0] * config.eos] if by_token and (rest.lengths != 1).any() else None
        detailed = config.alternatives is not None
        return Score(
            text=self.text,
            tokens=named.names,
            logprobs=named.logprobs.tolist(),
            logprob=0.0 - total.nats,  # not -0.0 for an empty text
            perplexity=perplexity(total.nats, len(named.names)),
            bits_per_char=total.bits_per_char,
            characters=total.characters,
            unknown=total.unknown,
            eos=config.eos,
            bits_per_char_known=total.bits_per_char_known if total.unknown else None,
            bos=config.bos,
            context=config.context,
            unit=config.unit,
            given=tokenizer.token_texts(self.ids[: self.given]),
            known=int(named.known.sum()),
            characters_known=total.known_characters,
            logprob_known=known_sum,
            perplexity_known=perplexity(-known_sum, int(named.known.sum())),
            entropies=self.values[_ENTROPY].tolist() if detailed else None,
            ranks=self.values[_RANK].tolist() if detailed else None,
            alternatives=self._alternatives(tokenizer) if config.alternatives else None,
            lengths=lengths,
            originals=self._originals(tokenizer) if by_token else None,
            adapting=methods,
            scored_context=self.moved or None,
            gates=named.means(self.values[GATE]) if GATE in self.values else None,
            counts_shares=named.means(self._counts_shares()) if GATE in self.values else None,
        )

    def _tokens(self, tokenizer: Tokenizer) -> _Units:
        scored = self.ids[self.given :]
        return _Units(tokenizer.token_texts(scored), self.values[LOGPROB], scored != tokenizer.UNK)

    def _counts_shares(self) -> _Floats:
        """Return g · P_counts / P of each token; 0 for a token that cannot occur."""
        gate, counted, logprobs = (self.values[name] for name in (GATE, COUNTS, LOGPROB))
        possible = logprobs > -np.inf
        shares: _Floats = gate * np.exp(np.where(possible, counted, -np.inf) - np.where(possible, logprobs, 0.0))
        return np.minimum(shares, 1.0)  # the quotient is rounded

    def _originals(self, tokenizer: Tokenizer) -> list[str] | None:
        """Return the text of each token, "" for <EOS>, or None if no token is unknown."""
        if not (self.ids == tokenizer.UNK).any():
            return None
        text, lengths = self.encoded.text, self.encoded.lengths
        texts = list(select_text(text, lengths, np.ones(len(lengths), dtype=bool)))
        return texts + [""] * (len(self.ids) - len(lengths))

    def _grouped(self, tokenizer: Tokenizer, rest: Encoded, unit: Unit) -> _Units:
        """Sum the tokens up to words or characters, and keep <EOS> as a unit of its own if it was scored."""
        logprobs = self.values[LOGPROB]
        words = unit == units.WORD
        starts = units.word_starts(tokenizer, rest.text) if words else list(range(len(rest.text)))
        pieces = units.groups(starts, rest.lengths)
        names: list[str | None] = [rest.text[a:b] for a, b in pairwise([*starts, len(rest.text)])]
        if len(logprobs) > len(rest.ids):  # <EOS>: a token without a character
            pieces.append(slice(len(rest.ids), len(rest.ids) + 1))
            names.append(None)
        scored = self.ids[self.given :]
        known = [bool((scored[piece] != tokenizer.UNK).all()) for piece in pieces]
        if words:  # a word's tokens sum to log P of a prefix; only the boundary after it makes it the word
            sums = units.shift_boundaries(logprobs, self.values[_BOUNDARY], pieces)
        else:
            sums = units.sums(logprobs, pieces)
        return _Units(names, np.array(sums), np.array(known, dtype=bool), pieces)

    def _alternatives(self, tokenizer: Tokenizer) -> list[list[tuple[str | None, float]]]:
        return [
            list(zip(tokenizer.token_texts(ids), logprobs.tolist(), strict=True))
            for ids, logprobs in zip(self.values[_LIKELIEST_IDS], self.values[_LIKELIEST_LOGPROBS], strict=True)
        ]
