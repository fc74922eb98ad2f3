"""Locally typical sampling (Meister et al. 2022): keep the tokens whose surprisal is nearest to the entropy.

Tokens are kept in ascending order of |−log P(x) − H|, H = −Σ P log P, until their probabilities sum to p. The most
likely token may be masked.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from charlm.generation.samplers import Sampler, keep_until
from charlm.settings import check_range


@dataclass(frozen=True)
class Typical(Sampler):
    """Total probability of the tokens to keep."""

    order = 70
    typical: float = field(
        metadata={"help": "Sample only from the tokens closest to the average surprisal whose probabilities sum to p."}
    )

    def __post_init__(self) -> None:
        check_range("typical", self.typical, 0, 1, open_low=True)

    def __call__(self, logits: Tensor, history: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        surprisal = -torch.log_softmax(logits, dim=-1)
        probability = (-surprisal).exp()
        entropy = torch.where(probability > 0, probability * surprisal, 0.0).sum(dim=-1, keepdim=True)
        _, order = (surprisal - entropy).abs().sort(dim=-1, stable=True)  # impossible tokens come last
        return keep_until(self.typical, logits, order, probability.gather(-1, order)), state
