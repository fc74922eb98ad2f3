"""Mirostat 2 (Basu 2021): a ceiling μ on the surprisal, moved so that its average comes to τ bits a symbol.

Only symbols with S(x) = −log₂ P(x) ≤ μ; after the draw of x, μ ← μ − η (S(x) − τ), with μ = 2τ at first and η = 0.1.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from charlm.config import check_range
from charlm.generation.samplers import Sampler

_RATE = 0.1  # η


@dataclass(frozen=True)
class Mirostat(Sampler):
    tau: float

    def __post_init__(self) -> None:
        check_range("mirostat", self.tau, 0, 100, open_low=True)

    def start(self, batch_size: int) -> Tensor:
        """(B, 1): μ. After a call (B, 1 + V): μ, and the surprisals that were drawn from."""
        return torch.full((batch_size, 1), 2 * self.tau)

    def __call__(self, logits: Tensor, history: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        assert state is not None
        state = state.to(logits.device)
        ceiling = state[:, :1]
        if state.shape[1] > 1:
            drawn = state[:, 1:].gather(1, history[:, -1:])
            ceiling = ceiling - _RATE * (drawn - self.tau)
        surprisal = torch.log_softmax(logits, dim=-1) / -math.log(2)
        least = surprisal.min(dim=-1, keepdim=True).values  # a low ceiling leaves the likeliest
        allowed = surprisal <= torch.maximum(ceiling, least)
        return logits.masked_fill(~allowed, -torch.inf), torch.cat((ceiling, surprisal), dim=1)
