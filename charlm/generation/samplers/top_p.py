"""Top-p, or nucleus (Holtzman 2020): the smallest set of likeliest symbols with Σ P(x) ≥ p."""

from dataclasses import dataclass

import torch
from torch import Tensor

from charlm.config import check_range
from charlm.generation.samplers import Sampler, keep_until


@dataclass(frozen=True)
class TopP(Sampler):
    p: float

    def __post_init__(self) -> None:
        check_range("top_p", self.p, 0, 1, open_low=True)

    @property
    def compiled(self) -> tuple[str, float]:
        return "top_p", self.p

    def __call__(self, logits: Tensor, history: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        ordered, order = logits.sort(dim=-1, descending=True)
        return keep_until(self.p, logits, order, torch.softmax(ordered, dim=-1)), state
