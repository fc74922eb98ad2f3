"""No repeat (Paulus 2018): no n symbols in a row twice, the prompt's included.

A symbol x at t may not be drawn where some s < t has (x[s-n+1], ..., x[s]) = (x[t-n+1], ..., x[t-1], x).
Where nothing else may be drawn either, nothing is forbidden.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from charlm.config import check_range
from charlm.generation.samplers import Sampler, repeating


@dataclass(frozen=True)
class NoRepeat(Sampler):
    n: int

    def __post_init__(self) -> None:
        check_range("no_repeat", self.n, 1, float("inf"))

    def __call__(self, logits: Tensor, history: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        left = logits.masked_fill(repeating(history, self.n, logits), -torch.inf)
        stuck = (left == -torch.inf).all(dim=-1, keepdim=True)
        return torch.where(stuck, logits, left), state
