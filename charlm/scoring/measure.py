"""Turn summed log-probabilities into perplexity, bits per character and bits per byte."""

import math
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from charlm.config import TextMode
from charlm.nn.probability import perplexity
from charlm.raw_bytes import to_bytes
from charlm.tokenizers import Ids, Tokenizer

Base = Literal["e", "2", "10"]
NATS: dict[Base, float] = {
    "e": 1.0,
    "2": math.log(2),
    "10": math.log(10),
}  # by base, nats in one unit


@dataclass(frozen=True)
class Measure:
    """Sums over scored tokens. Figures are ratios of sums, so the measures of parts add up to that of the whole.

    characters and bytes are those of the original text; a line end that is scored as EOS counts as one of each.
    unknown: characters outside the vocabulary. known_…: sums without the tokens that are UNK.
    """

    nats: float  # minus the log-probability of all tokens
    tokens: int
    characters: int
    bytes: int
    unknown: int
    known_nats: float
    known_tokens: int
    known_characters: int

    def __add__(self, other: "Measure") -> "Measure":
        sums = {each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(Measure)}
        return Measure(**sums)

    @property
    def unknown_tokens(self) -> int:
        """Number of tokens that are UNK; in a closed vocabulary each replaces a whole word."""
        return self.tokens - self.known_tokens

    @property
    def nats_per_token(self) -> float | None:
        """Mean negative log-probability; None for no tokens."""
        return self.nats / self.tokens if self.tokens else None

    @property
    def known_nats_per_token(self) -> float | None:
        """The figure that models are selected by, over the known tokens only; None if there are none."""
        return self.known_nats / self.known_tokens if self.known_tokens else None

    @property
    def perplexity(self) -> float | None:
        """exp(nats per token); None for no tokens."""
        return perplexity(self.nats, self.tokens)

    @property
    def bits_per_char(self) -> float | None:
        """None if a character is unknown: UNK replaces many characters, and has the probability of none of them."""
        return None if self.unknown else _bits(self.nats, self.characters)

    @property
    def bits_per_byte(self) -> float | None:
        """Bits per UTF-8 byte; None if a character is unknown."""
        return None if self.unknown else _bits(self.nats, self.bytes)

    @property
    def bits_per_char_known(self) -> float | None:
        """Bits per character, over the known characters only."""
        return _bits(self.known_nats, self.known_characters)


def _bits(nats: float, units: int) -> float | None:
    return nats / (math.log(2) * units) if units else None


def measure(
    text: str,
    targets: Ids,
    lengths: NDArray[np.int64],
    logprobs: NDArray[np.float64],
    *,
    mode: TextMode,
    skipped: str = "",
) -> Measure:
    """Sum up log P (nats) of `targets` (T,), which encode the beginning of `text`.

    lengths: characters that each target completes, without the EOS at the end. mode: in line mode EOS is a line end,
    which counts as a character. skipped: characters that were left out of `text`.
    """
    known = targets != Tokenizer.UNK
    ends = int((targets == Tokenizer.EOS).sum()) if mode == TextMode.LINE else 0
    lengths = lengths[: len(targets)]
    covered = text[: int(lengths.sum())]
    characters = len(covered) + ends + len(skipped)
    unknown = int(lengths[~known[: len(lengths)]].sum()) + len(skipped)
    return Measure(
        nats=float(-logprobs.sum()),
        tokens=len(targets),
        characters=characters,
        bytes=len(to_bytes(covered + skipped)) + ends,
        unknown=unknown,
        known_nats=float(-logprobs[known].sum()),
        known_tokens=int(known.sum()),
        known_characters=characters - unknown,
    )
