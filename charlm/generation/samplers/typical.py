"""Locally typical (Meister 2022): symbols whose surprisal is nearest to the entropy, until they reach p together.

|−log P(x) − H| in ascending order, H = −Σ P log P. It may leave the likeliest out.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from charlm.config import check_range
from charlm.generation.samplers import Sampler, keep_until


@dataclass(frozen=True)
class Typical(Sampler):
    p: float

    def __post_init__(self) -> None:
        check_range("typical", self.p, 0, 1, open_low=True)

    def __call__(self, logits: Tensor, history: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        surprisal = -torch.log_softmax(logits, dim=-1)
        probability = (-surprisal).exp()
        entropy = torch.where(probability > 0, probability * surprisal, 0.0).sum(dim=-1, keepdim=True)
        _, order = (surprisal - entropy).abs().sort(dim=-1, stable=True)  # the impossible come last
        return keep_until(self.p, logits, order, probability.gather(-1, order)), state
