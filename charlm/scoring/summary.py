"""The figures of scored texts in words, in the units of a logarithm."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from charlm.nn.probability import perplexity
from charlm.scoring.measure import NATS, Base
from charlm.wording import figure, plural

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
    """Sums over scores, in nats, and the number of unknown characters."""

    texts: int = 0
    unknown: int = 0
    logprob: float = 0.0
    tokens: int = 0
    logprob_known: float = 0.0
    known: int = 0

    def add(self, score: "Score") -> None:
        self.texts += 1
        self.unknown += score.unknown
        self.logprob += score.logprob
        self.tokens += len(score.tokens)
        self.logprob_known += score.logprob_known
        self.known += score.known

    def figures(self, logarithms: Logarithms) -> str:
        """Return log-probability and perplexity, without the unknown tokens if they are impossible."""
        name, nats = logarithms.names[0], NATS[logarithms.logprob]
        known = figure(perplexity(-self.logprob_known, self.known))
        if math.isinf(self.logprob):
            impossible = f"{plural(self.unknown, 'unknown character')} with probability 0; without"
            them = "it" if self.unknown == 1 else "them"
            logprob = figure(self.logprob_known / nats if self.known else None)
            return f"{impossible} {them}, log-probability {logprob} {name}, perplexity {known}"
        shown = figure(perplexity(-self.logprob, self.tokens))
        if self.known < self.tokens:
            shown += f" ({known} without unknown tokens)"
        return f"log-probability {figure(self.logprob / nats if self.tokens else None)} {name}, perplexity {shown}"


def summary(score: "Score", logarithms: Logarithms) -> str:
    """Return the figures of a text in one line."""
    total = Total()
    total.add(score)
    bits = score.bits_per_char_known if score.unknown else score.bits_per_char
    without = score.unknown and math.isfinite(score.logprob)
    unknown = f" without {plural(score.unknown, 'unknown character')}" if without else ""
    return f"{total.figures(logarithms)}, {figure(bits)} bits per character{unknown}"
