"""What several score formats share: the names of tokens, the logarithms, and the figures of a text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from charlm.nn.probability import perplexity
from charlm.scoring.measure import NATS, Base
from charlm.tokenizers import Tokenizer
from charlm.wording import figure

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
    logprob: float = 0.0
    tokens: int = 0
    logprob_known: float = 0.0
    known: int = 0

    def add(self, score: "Score") -> None:
        self.texts += 1
        self.logprob += score.logprob
        self.tokens += len(score.tokens)
        self.logprob_known += score.logprob_known
        self.known += score.known

    def figures(self, logarithms: Logarithms) -> str:
        """Return log-probability and perplexity, and the perplexity without unknown tokens if there are any."""
        logprob = figure(self.logprob / NATS[logarithms.logprob])
        shown = figure(perplexity(-self.logprob, self.tokens))
        if self.known < self.tokens:
            shown += f" ({figure(perplexity(-self.logprob_known, self.known))} without unknown tokens)"
        return f"log-probability {logprob} {logarithms.names[0]}, perplexity {shown}"


def summary(score: "Score", logarithms: Logarithms) -> str:
    """Return the figures of a text in one line."""
    total = Total()
    total.add(score)
    bits = score.bits_per_char_known if score.unknown else score.bits_per_char
    several = "s" * (score.unknown != 1)
    unknown = f" without {score.unknown:,} unknown character{several}" if score.unknown else ""
    return f"  {total.figures(logarithms)}, {figure(bits)} bits per character{unknown}\n"


def names(score: "Score", show: Callable[[str], str]) -> tuple[list[str], list[str]]:
    """Return the context tokens and the scored tokens, formatted by `show`; <UNK> and <EOS> stand for themselves."""
    tokens = [*score.given, *score.tokens]
    shown = [Tokenizer.CONTROL[Tokenizer.UNK] if token is None else show(token) for token in tokens]
    if score.eos:
        shown[-1] = Tokenizer.CONTROL[Tokenizer.EOS]
    return shown[: len(score.given)], shown[len(score.given) :]
