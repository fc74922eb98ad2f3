"""Min-p (Nguyen 2024): only symbols with P(x) ≥ p · max P. The surer the model, the fewer are left."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from charlm.config import check_range
from charlm.generation.samplers import Sampler


@dataclass(frozen=True)
class MinP(Sampler):
    p: float

    def __post_init__(self) -> None:
        check_range("min_p", self.p, 0, 1, open_low=True)

    def __call__(self, logits: Tensor, history: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        least = logits.max(dim=-1, keepdim=True).values + math.log(self.p)
        return logits.masked_fill(logits < least, -torch.inf), state
