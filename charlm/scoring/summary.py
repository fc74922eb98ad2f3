"""The figures of scored texts in words, in the units of a logarithm."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from charlm.nn.probability import perplexity
from charlm.scoring.measure import NATS, Base
from charlm.wording import figure, plural, probability

if TYPE_CHECKING:
    from charlm.scoring.score import Score

_NAMES: dict[Base, str] = {"e": "nats", "2": "bits", "10": "hartleys"}


@dataclass(frozen=True)
class Logarithms:
    """Base of log-probabilities, and base of surprisals and entropies."""

    logprob: Base = "e"
    surprisal: Base = "2"

    @property
    def names(self) -> tuple[str, str]:
        """Names of the two units."""
        return _NAMES[self.logprob], _NAMES[self.surprisal]


@dataclass
class Total:
    """Sums over scores, in nats."""

    texts: int = 0
    unknown: int = 0
    logprob: float = 0.0
    tokens: int = 0
    characters: int = 0
    logprob_known: float = 0.0
    known: int = 0
    characters_known: int = 0

    def add(self, score: "Score") -> None:
        """Add the sums of a score."""
        self.texts += 1
        self.unknown += score.unknown
        self.logprob += score.logprob
        self.tokens += len(score.tokens)
        self.characters += score.characters
        self.logprob_known += score.logprob_known
        self.known += score.known
        self.characters_known += score.characters_known

    def figures(self, logarithms: Logarithms) -> str:
        """Return the figures in words: of all tokens, or without the unknown ones if those are impossible."""
        known = _figures(self.logprob_known, self.known, self.characters_known, logarithms)
        if not self.unknown:
            return _figures(self.logprob, self.tokens, self.characters, logarithms)
        unknown = plural(self.unknown, "unknown character")
        if math.isinf(self.logprob):
            return f"{unknown} with probability 0; without {'it' if self.unknown == 1 else 'them'}, {known}"
        if self.known == self.tokens:  # the unknown ones were left out
            return f"without {unknown}, {known}"
        return f"{_figures(self.logprob, self.tokens, None, logarithms)}; without {unknown}, {known}"


def summary(score: "Score", logarithms: Logarithms) -> str:
    """Return the figures of a text in one line."""
    total = Total()
    total.add(score)
    return total.figures(logarithms)


def _figures(logprob: float, tokens: int, characters: int | None, logarithms: Logarithms) -> str:
    if not tokens:
        return "no token was scored"
    value = f"{figure(logprob / NATS[logarithms.logprob])} {logarithms.names[0]} (probability {probability(logprob)})"
    figures = f"log-probability {value}, perplexity {figure(perplexity(-logprob, tokens))}"
    if characters is None:
        return figures
    bits = -logprob / (math.log(2) * characters) if characters else None
    return f"{figures}, {figure(bits)} bits per character"
