"""Temperature (Ackley et al. 1985): logits / τ, so that P becomes P^(1/τ) / Σ P^(1/τ).

Below 1, likely tokens become likelier. 0 is greedy: only the most likely token is kept.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from charlm.generation.samplers import Sampler
from charlm.settings import check_range


@dataclass(frozen=True)
class Temperature(Sampler):
    """Scale of the logits."""

    order = 30
    temperature: float = field(
        default=1.0,
        metadata={
            "help": "Below 1 the text is more predictable, above 1 more varied; 0 always takes the most likely token.",
            "short": "-t",
        },
    )

    def __post_init__(self) -> None:
        check_range("temperature", self.temperature, 0, 1e6)

    @property
    def compiled(self) -> tuple[str, float]:
        return "temperature", self.temperature

    def __call__(self, logits: Tensor, history: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        best = logits.max(dim=-1, keepdim=True)
        if self.temperature == 0:
            return torch.full_like(logits, -torch.inf).scatter(-1, best.indices, 0.0), state
        scaled = (logits - best.values) / self.temperature  # shifted first, so that a tiny τ overflows only to −∞
        return scaled.masked_fill(logits == best.values, 0.0), state  # and the most likely token is 0, never 0 / 0
