"""The probability of a text by the chain rule: P(y<1>) · P(y<2> | y<1>) · …"""

from collections.abc import Sequence
from dataclasses import dataclass

from charlm.encoding import UnknownPolicy, encode
from charlm.evaluation import sequence
from charlm.measure import measure
from charlm.network import Network
from charlm.probability import log_probabilities
from charlm.tokenizers import Tokenizer


@dataclass(frozen=True)
class Score:
    """What a model thinks of one text. Logarithms are natural."""

    text: str
    tokens: list[str | None]  # None is a control symbol: <EOS>, or <UNK> for an unknown character
    logprobs: list[float]  # log P of each token given those before it
    logprob: float  # their sum
    perplexity: float | None  # None for no tokens
    bits_per_char: float | None  # None for no characters, or where one is unknown
    unknown: int  # characters the model has no symbol for
    eos: bool  # whether <EOS> was scored
    bits_per_char_known: float | None = None  # over the known characters, where some are unknown


def score(
    network: Network, tokenizer: Tokenizer, texts: Sequence[str], unknown: UnknownPolicy, *, eos: bool, line: bool
) -> list[Score]:
    """Score each text from a zero state; `eos`: and that it ends there. `line`: a line end counts as a character."""
    encoded = [encode(tokenizer, text, unknown) for text in texts]
    rows = [sequence(tokenizer, each.ids, eos=eos) for each in encoded]
    scores = []
    for text, each, row, logprobs in zip(texts, encoded, rows, log_probabilities(network, rows), strict=True):
        total = measure(tokenizer, each.text, row[1:], logprobs, line=line, skipped=each.skipped)
        scores.append(
            Score(
                text=text,
                tokens=tokenizer.symbols(row[1:]),
                logprobs=logprobs.tolist(),
                logprob=0.0 - total.nats,  # not -0.0 for an empty text
                perplexity=total.perplexity,
                bits_per_char=total.bits_per_char,
                unknown=total.unknown,
                eos=eos,
                bits_per_char_known=total.bits_per_char_known if total.unknown else None,
            )
        )
    return scores
