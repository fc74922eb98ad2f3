"""Temperature (Ackley 1985): logits / τ, so that P becomes P^(1/τ) / Σ P^(1/τ).

Below 1 likely symbols become likelier; 0 is greedy, always the likeliest.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from charlm.config import check_range
from charlm.generation.samplers import Sampler


@dataclass(frozen=True)
class Temperature(Sampler):
    temperature: float

    def __post_init__(self) -> None:
        check_range("temperature", self.temperature, 0, 1e6)

    @property
    def compiled(self) -> tuple[str, float]:
        return "temperature", self.temperature

    def __call__(self, logits: Tensor, history: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        best = logits.max(dim=-1, keepdim=True)
        if self.temperature == 0:
            return torch.full_like(logits, -torch.inf).scatter(-1, best.indices, 0.0), state
        scaled = (logits - best.values) / self.temperature  # so shifted, a tiny τ overflows to -inf only,
        return scaled.masked_fill(logits == best.values, 0.0), state  # and 0 / 0 is the likeliest
