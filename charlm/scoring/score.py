"""The probability of one text, and the choices that define it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from charlm.data.encoding import UnknownPolicy
from charlm.scoring import units
from charlm.scoring.fragments import Scored, heat
from charlm.scoring.units import Unit
from charlm.wording import figure, plural, quoted


@dataclass(frozen=True)
class ScoreConfig:
    """Choices that define a score, and what is returned with it.

    bos: read START first; without it and without a context, the first token is context and has no probability.
    eos: score the end too. context: read before the text and not scored, up to the last boundary before which the
    whole is cut into tokens like the context alone. unit: what `Score.tokens` are; `units` says when a character or a
    word has an exact probability. alternatives: number of the likeliest tokens to return at each position, with
    entropy and rank; None returns none of these.
    """

    eos: bool
    bos: bool = True
    context: str = ""
    unknown: UnknownPolicy = "unk"
    unit: Unit = units.TOKEN
    alternatives: int | None = None


class ScoreOptions(TypedDict, total=False):
    """Fields of a `ScoreConfig` that have a default there."""

    bos: bool
    context: str
    unknown: UnknownPolicy
    unit: Unit
    alternatives: int | None


@dataclass(frozen=True)
class Score:
    """The probability of one text, unit by unit. Logarithms are natural.

    text: the text.
    tokens: the N units that were scored; None for <EOS>, and for <UNK>, an unknown character.
    logprobs: log P (nats) of each, given the text before it.
    logprob: their sum.
    perplexity: exp(−logprob / N); None for no tokens.
    bits_per_char: −log₂ P per character; None for no characters, or if one is unknown.
    unknown: number of characters outside the vocabulary.
    eos: whether <EOS> was scored.
    bits_per_char_known: bits per character, over the known ones, if some are unknown.
    bos: whether the text was read after START.
    context: the text before it.
    unit: what the tokens are: token, char or word.
    given: the first token of the text, if it was context.
    known: number of tokens without an unknown character.
    logprob_known: sum over these.
    perplexity_known: perplexity over these.
    characters: characters of the text that was scored; a line end that was scored counts as one.
    characters_known: those of the known tokens.
    entropies: nats, of the distribution before each token.
    ranks: rank of each token, 1 for the likeliest.
    alternatives: the likeliest tokens at each position, with log P.
    lengths: characters that each token completes, if some do not complete exactly one.
    originals: the text of each of `given` and `tokens`, if some are unknown.
    adapting: methods by which the model adapted; None for a model that did not.
    scored_context: end of the context that is scored with the text, because its tokens depend on it.
    gates: weight g of the counts beside the network, before each token: P = (1 − g) · P_network + g · P_counts. A
        unit of several tokens has their mean. None for a model without counts, and for one that adapted.
    counts_shares: share of the counts in the probability of each token, g · P_counts / P, in the same way.
    """

    text: str
    tokens: list[str | None]
    logprobs: list[float]
    logprob: float
    perplexity: float | None
    bits_per_char: float | None
    unknown: int
    eos: bool
    bits_per_char_known: float | None
    bos: bool
    context: str
    unit: Unit
    given: list[str | None]
    known: int
    logprob_known: float
    perplexity_known: float | None
    characters: int
    characters_known: int
    entropies: list[float] | None = None
    ranks: list[int] | None = None
    alternatives: list[list[tuple[str | None, float]]] | None = None
    lengths: list[int] | None = None
    originals: list[str] | None = None
    adapting: tuple[str, ...] | None = None
    scored_context: str | None = None
    gates: list[float] | None = None
    counts_shares: list[float] | None = None

    def __repr__(self) -> str:
        return f"<Score {quoted(self.text)}: {self._figures}>"

    def _repr_html_(self) -> str:
        """Return the text as a heat map of surprisal, which a notebook shows."""
        originals = (self.originals or [])[len(self.given) :] or ["<UNK>"] * len(self.tokens)
        shares: Sequence[float | None] = self.counts_shares or [None] * len(self.tokens)
        tokens = [Scored(*each) for each in zip(self.tokens, self.logprobs, originals, shares, strict=False)]
        if self.eos and tokens and tokens[-1].text is None:
            tokens[-1] = tokens[-1]._replace(text="<EOS>")
        return heat("".join(each or "" for each in self.given), tokens, self.unit, self._figures)

    @property
    def _figures(self) -> str:
        bits = plural(self.unknown, "unknown character")
        if not self.unknown:
            bits = f"{figure(self.bits_per_char)} bits per character"
        nats = figure(self.logprob if self.tokens else None)
        return f"{nats} nats, perplexity {figure(self.perplexity)}, {bits}"
