"""Repetition penalty (Keskar 2019), over n-grams: the score x of a symbol that would repeat n symbols is made worse.

x / θ where x > 0, else x · θ. The paper has n = 1, which would count every letter of a text as a repetition.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from charlm.config import check_range
from charlm.generation.samplers import Sampler, repeating


@dataclass(frozen=True)
class RepetitionPenalty(Sampler):
    penalty: float
    n: int

    def __post_init__(self) -> None:
        check_range("repetition_penalty", self.penalty, 1, 1e6)
        check_range("repetition_ngram", self.n, 1, float("inf"))

    def __call__(self, logits: Tensor, history: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        worse = torch.where(logits > 0, logits / self.penalty, logits * self.penalty)
        return torch.where(repeating(history, self.n, logits), worse, logits), state
