"""What a network makes of the tokens that counts of n-grams expect most.

Letters: V vocabulary, H hidden, N any number of outputs.
"""

from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from charlm.nn.native.guided import fits, guided
from charlm.nn.rows import Rows

_SIZE = 64  # of v


class Guidance(nn.Module):
    """h → h ⊙ (1 + S v) + F v, where v is the sum of P(w) · E[w] over the likeliest tokens w.

    (S; F) is one matrix. It starts at zero, so at first nothing changes.
    """

    def __init__(self, hidden_size: int, vocabulary_size: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.empty(vocabulary_size, _SIZE))  # E
        if not self.vectors.is_meta:  # as in embeddings/learned.py
            nn.init.normal_(self.vectors)
        self.turn = nn.Linear(_SIZE, 2 * hidden_size, bias=False)  # (S; F)
        self.turn.weight.data.zero_()

    def forward(self, outputs: Tensor, tokens: Tensor, chances: Tensor) -> Tensor:
        """Return the guided outputs (N, H) of outputs (N, H), with guesses (N, GUESSES) and their probabilities."""
        turns_all = len(tokens) >= len(self.vectors)  # a product for each token is less than one for each output
        table = self.turn(self.vectors) if turns_all else self.vectors
        if turns_all and fits(outputs, table):
            return guided(outputs, tokens, chances, table)
        sums = functional.embedding_bag(tokens, table, mode="sum", per_sample_weights=chances)
        scale, shift = (sums if turns_all else self.turn(sums)).chunk(2, dim=-1)
        return outputs * (1 + scale) + shift

    @torch.no_grad()
    def start_from(self, source: Self, rows: Rows) -> None:
        """Take the weights of another guidance, of the same width."""
        self.vectors.copy_(rows.of(source.vectors))
        self.turn.load_state_dict(source.turn.state_dict())

    def table(self) -> Tensor:
        """Return S E[w] and F E[w] of each token w, (V, 2 H)."""
        with torch.no_grad():
            table: Tensor = self.turn(self.vectors)
        return table
