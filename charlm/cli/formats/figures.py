"""What the forms of a score share: the names of its tokens, the logarithms asked for, and sums over texts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from charlm.cli.output import figure
from charlm.nn.probability import perplexity
from charlm.scoring.measure import NATS, Base
from charlm.tokenizers import Tokenizer

if TYPE_CHECKING:
    from charlm.scoring.score import Score

_NAMES: dict[Base, str] = {"e": "nats", "2": "bits", "10": "hartleys"}


@dataclass(frozen=True)
class Logarithms:
    """In what log-probabilities are told, and in what surprisals and entropies."""

    logprob: Base = "e"
    surprisal: Base = "2"

    @property
    def names(self) -> tuple[str, str]:
        return _NAMES[self.logprob], _NAMES[self.surprisal]


@dataclass
class Total:
    """Sums over scores. Logarithms are natural."""

    texts: int = 0
    logprob: float = 0.0
    tokens: int = 0
    logprob_known: float = 0.0
    known: int = 0

    def add(self, found: "Score") -> None:
        self.texts += 1
        self.logprob += found.logprob
        self.tokens += len(found.tokens)
        self.logprob_known += found.logprob_known
        self.known += found.known

    def figures(self, logarithms: Logarithms) -> str:
        """Log-probability and perplexity, with unknown tokens and without where there are any."""
        found = figure(perplexity(-self.logprob, self.tokens))
        if self.known < self.tokens:
            found += f" with and {figure(perplexity(-self.logprob_known, self.known))} without unknown"
        logprob = figure(self.logprob / NATS[logarithms.logprob])
        return f"log-probability {logprob} {logarithms.names[0]}, perplexity {found}"


def summary(found: "Score", logarithms: Logarithms) -> str:
    """The figures of a text in one line."""
    total = Total()
    total.add(found)
    bits = found.bits_per_char_known if found.unknown else found.bits_per_char
    known = f" (of the known characters; {found.unknown:,} unknown)" if found.unknown else ""
    return f"  {total.figures(logarithms)}, {figure(bits)} bits per character{known}\n"


def names(found: "Score", show: Callable[[str], str]) -> tuple[list[str], list[str]]:
    """The tokens that were context and those that were scored, as `show` shows a text, or as <UNK> and <EOS>."""
    tokens = [*found.given, *found.tokens]
    shown = [Tokenizer.CONTROL[Tokenizer.UNK] if token is None else show(token) for token in tokens]
    if found.eos:
        shown[-1] = Tokenizer.CONTROL[Tokenizer.EOS]
    return shown[: len(found.given)], shown[len(found.given) :]
