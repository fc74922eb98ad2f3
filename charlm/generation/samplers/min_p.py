"""Min-p (Nguyen et al. 2024): keep the tokens with P(x) ≥ p · max P, so the surer the model, the fewer tokens."""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from charlm.generation.samplers import Sampler
from charlm.settings import check_range


@dataclass(frozen=True)
class MinP(Sampler):
    """Threshold relative to the probability of the most likely token."""

    order = 60
    min_p: float = field(
        metadata={"help": "Sample only from tokens at least p times as likely as the most likely token."}
    )

    def __post_init__(self) -> None:
        check_range("min_p", self.min_p, 0, 1, open_low=True)

    def __call__(self, logits: Tensor, history: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        threshold = logits.max(dim=-1, keepdim=True).values + math.log(self.min_p)
        return logits.masked_fill(logits < threshold, -torch.inf), state
