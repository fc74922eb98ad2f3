"""A regular expression as a sampler: mask the tokens after which no match is possible within the length.

The tokens that remain keep their proportions. The result is not the model's distribution over the matching texts, which
would need to look ahead. A token of several characters takes the automaton through all of them. A token that is part of
a character is never drawn.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charlm.errors import ConfigError
from charlm.generation.must_match.automaton import automaton
from charlm.generation.opening import Opening
from charlm.generation.samplers import Sampler
from charlm.tokenizers import Tokenizer

_LARGEST_TABLE = 2**25  # numbers
_NEVER = 2**40  # tokens


@dataclass(frozen=True, eq=False)
class MustMatch(Sampler):
    """Mask by an automaton over tokens.

    If the text matches and no token can extend the match, <EOS> is drawn, even if its probability is 0.
    """

    following: Tensor  # (S, V), state × token → state
    needed: Tensor  # (S,), number of tokens to the nearest match
    length: int
    end: int
    first: int = 0  # the initial state
    uncounted: int = -1  # like state 0, but reached by a first token that belongs to the prompt and does not count

    @classmethod
    def compile(
        cls,
        pattern: str,
        tokenizer: Tokenizer,
        allowed_tokens: Tensor,
        length: int,
        opening: Opening | None = None,
    ) -> "MustMatch":
        """Compile a pattern for texts of at most `length` tokens, among the allowed tokens (V,).

        opening: the prompt, the end of which the first token may begin with. Raises ConfigError if no such text
        matches, or if `automaton` refuses the pattern.
        """
        tokens = zip(range(tokenizer.size), allowed_tokens.tolist(), strict=True)
        texts = [_text(tokenizer.token_bytes(index)) if allowed else "" for index, allowed in tokens]
        characters = sorted(set("".join(texts)))
        table, accepted = automaton(pattern, characters)
        if len(table) * len(texts) > _LARGEST_TABLE:
            raise ConfigError(
                f"must_match: {pattern[:40]!r} has {len(table):,} states, too many for {len(texts):,} tokens"
            )
        column = {character: index for index, character in enumerate(characters)}
        following = np.full((len(table), len(texts)), len(table) - 1)
        for index, text in enumerate(texts):
            if text:
                following[:, index] = np.arange(len(table))
            for character in text:
                following[:, index] = table[following[:, index], column[character]]
        first, uncounted = 0, -1
        if opening and opening.first_tokens is not None:
            first, uncounted = len(table) + 1, len(table)
            row = np.full(len(texts), len(table) - 1)
            for index in opening.first_tokens.nonzero()[:, 0].tolist():
                row[index] = 0 if texts[index] else row[index]
                for character in texts[index].removeprefix(opening.rest):
                    row[index] = table[row[index], column[character]]
            row[list(opening.exact)] = uncounted
            following = np.vstack((following, following[:1], row[None]))
            accepted = np.append(accepted, (accepted[0], False))
        needed = _distances(following, accepted)
        if opening and opening.exact:
            needed[first] = min(needed[first], needed[uncounted])
        if needed[first] == _NEVER:
            parts = "; tokens that are parts of characters are excluded" if tokenizer.HAS_BYTE_TOKENS else ""
            raise ConfigError(f"must_match: no text that the model can write matches {pattern[:40]!r}{parts}")
        if needed[first] > length:
            raise ConfigError(
                f"must_match: no text of at most {length:,} tokens matches {pattern[:40]!r};"
                f" the shortest has {needed[first]:,}",
                remedy="length",
                least=int(needed[first]),
            )
        device = allowed_tokens.device
        tables = torch.from_numpy(following).to(device), torch.from_numpy(needed).to(device)
        return cls(*tables, length, tokenizer.EOS, first, uncounted)

    def start(self, batch_size: int) -> Tensor:
        """Return (B, 2): the automaton's state, and the number of tokens drawn."""
        return torch.tensor([[self.first, 0]], device=self.needed.device).repeat(batch_size, 1)

    def __call__(self, logits: Tensor, history: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        assert state is not None
        at, drawn = state.unbind(dim=1)
        if drawn.any():
            at = self.following[at, history[:, -1]]
            drawn = drawn.masked_fill(at == self.uncounted, 0)
        following = self.following[at]
        allowed = self.needed[following] < (self.length - drawn)[:, None] + (following == self.uncounted)
        allowed[:, self.end] = self.needed[at] == 0
        left = logits.masked_fill(~allowed, -torch.inf)
        complete = (left == -torch.inf).all(dim=-1)
        left[:, self.end] = left[:, self.end].masked_fill(complete, 0.0)
        return left, torch.stack((at, drawn + 1), dim=1)


def _distances(following: NDArray[np.int64], accepted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return (S,): the number of tokens from each state to the nearest one that accepts."""
    needed = np.where(accepted, 0, _NEVER)
    columns = np.unique(following, axis=1)  # tokens with the same transitions are equivalent
    while True:
        nearer = np.minimum(needed, needed[columns].min(axis=1) + 1)
        if (nearer == needed).all():
            return needed
        needed = nearer


def _text(surface: bytes) -> str:
    """Return the text of a token, or an empty string if the token is part of a character."""
    try:
        return surface.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return ""
