"""Top-k (Fan 2018): only the k likeliest symbols, those of rank ≤ k by P(x)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from charlm.config import check_range
from charlm.generation.samplers import Sampler


@dataclass(frozen=True)
class TopK(Sampler):
    k: int

    def __post_init__(self) -> None:
        check_range("top_k", self.k, 1, float("inf"))

    @property
    def compiled(self) -> tuple[str, float]:
        return "top_k", self.k

    def __call__(self, logits: Tensor, history: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        kept = logits.topk(min(self.k, logits.shape[-1]), dim=-1)
        return torch.full_like(logits, -torch.inf).scatter(-1, kept.indices, kept.values), state
