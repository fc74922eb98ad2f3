"""Top-k (Fan et al. 2018): keep the k most likely tokens."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from charlm.generation.samplers import Sampler
from charlm.settings import check_count


@dataclass(frozen=True)
class TopK(Sampler):
    """Number of tokens to keep."""

    order = 40
    top_k: int = field(metadata={"help": "Sample only from the k most likely tokens."})

    def __post_init__(self) -> None:
        check_count("top_k", self.top_k, 1)

    @property
    def compiled(self) -> tuple[str, float]:
        return "top_k", self.top_k

    def __call__(self, logits: Tensor, history: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        kept = logits.topk(min(self.top_k, logits.shape[-1]), dim=-1)
        return torch.full_like(logits, -torch.inf).scatter(-1, kept.indices, kept.values), state
