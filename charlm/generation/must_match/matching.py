"""Only what can still become a match: a regular expression as a sampler.

Symbol by symbol, what no match within the length could go on with is masked; what is left keeps the proportions it has
in the model. That is not the model's distribution over the texts that match, which would look ahead. A symbol of
several characters takes the automaton through all of them; one that is a part of a character is never drawn.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charlm.errors import ConfigError
from charlm.generation.must_match.automaton import automaton
from charlm.generation.samplers import Sampler
from charlm.tokenizers import Tokenizer

_LARGEST_TABLE = 2**25  # numbers
_NEVER = 2**40  # symbols


@dataclass(frozen=True, eq=False)
class MustMatch(Sampler):
    """Where nothing else is left, <EOS>, though its probability be zero, tells that the text is complete."""

    following: Tensor  # (S, V), the state after a symbol; nothing matches after the last
    needed: Tensor  # (S,), symbols until the nearest match
    length: int
    end: int

    @classmethod
    def of(cls, pattern: str, tokenizer: Tokenizer, predictable: Tensor, length: int) -> "MustMatch":
        """For texts of `length` symbols at most, of those that are predictable (V,).

        Raises ConfigError where no such text matches, or for what `automaton` refuses.
        """
        symbols = zip(range(tokenizer.size), predictable.tolist(), strict=True)
        texts = [_text(tokenizer.token_bytes(index)) if possible else "" for index, possible in symbols]
        characters = sorted(set("".join(texts)))
        table, accepted = automaton(pattern, characters)
        if len(table) * len(texts) > _LARGEST_TABLE:
            raise ConfigError(
                f"must-match: {pattern[:40]!r} has {len(table):,} states, too many for {len(texts):,} symbols"
            )
        column = {character: place for place, character in enumerate(characters)}
        following = np.full((len(table), len(texts)), len(table) - 1)
        for index, text in enumerate(texts):
            if text:
                following[:, index] = np.arange(len(table))
            for character in text:
                following[:, index] = table[following[:, index], column[character]]
        needed = _distances(following, accepted)
        if needed[0] == _NEVER:
            parts = "; symbols that are parts of characters are left out" if tokenizer.HAS_BYTE_TOKENS else ""
            raise ConfigError(f"must-match: no text that the model can write matches {pattern[:40]!r}{parts}")
        if needed[0] > length:
            raise ConfigError(
                f"must-match: no text of at most {length:,} symbols matches {pattern[:40]!r};"
                f" the shortest has {needed[0]:,}, which --length must allow"
            )
        device = predictable.device
        return cls(torch.from_numpy(following).to(device), torch.from_numpy(needed).to(device), length, tokenizer.EOS)

    def start(self, batch_size: int) -> Tensor:
        """(B, 2): the automaton's state, and how many symbols were drawn."""
        return torch.zeros(batch_size, 2, dtype=torch.long, device=self.needed.device)

    def __call__(self, logits: Tensor, history: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        assert state is not None
        at, drawn = state.unbind(dim=1)
        if drawn.any():
            at = self.following[at, history[:, -1]]
        allowed = self.needed[self.following[at]] < (self.length - drawn)[:, None]
        allowed[:, self.end] = self.needed[at] == 0
        left = logits.masked_fill(~allowed, -torch.inf)
        complete = (left == -torch.inf).all(dim=-1)
        left[:, self.end] = left[:, self.end].masked_fill(complete, 0.0)
        return left, torch.stack((at, drawn + 1), dim=1)


def _distances(following: NDArray[np.int64], accepted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(S,): symbols from each state to the nearest that is accepted."""
    needed = np.where(accepted, 0, _NEVER)
    kinds = np.unique(following, axis=1)  # symbols that lead to the same states are one
    while True:
        nearer = np.minimum(needed, needed[kinds].min(axis=1) + 1)
        if (nearer == needed).all():
            return needed
        needed = nearer


def _text(surface: bytes) -> str:
    """Of a symbol that is whole characters; else nothing."""
    try:
        return surface.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return ""
