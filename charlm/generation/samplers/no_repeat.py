"""No repeat (Paulus et al. 2018): never draw a token that completes an n-gram of the text so far, prompt included.

A token x at t is masked if (x[s-n+1], ..., x[s]) = (x[t-n+1], ..., x[t-1], x) for some s < t. If that would mask every
token, nothing is masked.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from charlm.generation.samplers import Sampler, repeating
from charlm.settings import check_count


@dataclass(frozen=True)
class NoRepeat(Sampler):
    """Mask of the tokens that would repeat an n-gram."""

    order = 20
    no_repeat: int = field(metadata={"help": "Never repeat an n-gram of N tokens.", "metavar": "N"})

    def __post_init__(self) -> None:
        check_count("no_repeat", self.no_repeat, 1)

    def __call__(self, logits: Tensor, history: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        masked = logits.masked_fill(repeating(history, self.no_repeat, logits), -torch.inf)
        stuck = (masked == -torch.inf).all(dim=-1, keepdim=True)
        return torch.where(stuck, logits, masked), state
