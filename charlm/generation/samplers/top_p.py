"""Top-p, or nucleus sampling (Holtzman et al. 2020): keep the fewest most likely tokens with Σ P(x) ≥ p."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from charlm.generation.samplers import Sampler, keep_until
from charlm.settings import check_range


@dataclass(frozen=True)
class TopP(Sampler):
    """Total probability of the tokens to keep."""

    order = 50
    top_p: float = field(
        metadata={"help": "Sample only from the fewest most likely tokens whose probabilities sum to p."}
    )

    def __post_init__(self) -> None:
        check_range("top_p", self.top_p, 0, 1, open_low=True)

    @property
    def compiled(self) -> tuple[str, float]:
        return "top_p", self.top_p

    def __call__(self, logits: Tensor, history: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        ordered, order = logits.sort(dim=-1, descending=True)
        return keep_until(self.top_p, logits, order, torch.softmax(ordered, dim=-1)), state
