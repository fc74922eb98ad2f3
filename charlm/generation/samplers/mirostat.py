"""Mirostat 2 (Basu et al. 2021): a moving limit μ on the surprisal, so that its mean approaches τ bits per token.

Tokens with S(x) = −log₂ P(x) ≤ μ are kept. After x is drawn, μ ← μ − η (S(x) − τ). μ starts at 2τ, and η is 0.1.
"""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from charlm.generation.samplers import Sampler
from charlm.settings import check_range

_RATE = 0.1  # η


@dataclass(frozen=True)
class Mirostat(Sampler):
    """Control of the surprisal by feedback from the drawn tokens."""

    order = 80
    mirostat: float = field(
        metadata={"help": "Keep the mean surprisal near TAU bits per token (mirostat 2).", "metavar": "TAU"}
    )

    def __post_init__(self) -> None:
        check_range("mirostat", self.mirostat, 0, 100, open_low=True)

    def start(self, batch_size: int) -> Tensor:
        """Return μ, (B, 1). After a call the state is (B, 1 + V): μ, and the surprisals of the tokens."""
        return torch.full((batch_size, 1), 2 * self.mirostat)

    def __call__(self, logits: Tensor, history: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        assert state is not None
        state = state.to(logits.device)
        limit = state[:, :1]
        if state.shape[1] > 1:
            drawn = state[:, 1:].gather(1, history[:, -1:])
            limit = limit - _RATE * (drawn - self.mirostat)
        surprisal = torch.log_softmax(logits, dim=-1) / -math.log(2)
        least = surprisal.min(dim=-1, keepdim=True).values  # the most likely token is always kept
        allowed = surprisal <= torch.maximum(limit, least)
        return logits.masked_fill(~allowed, -torch.inf), torch.cat((limit, surprisal), dim=1)
