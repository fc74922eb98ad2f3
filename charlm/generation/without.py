"""Leave a token out of the draw: <UNK>, which stands for text that the vocabulary lacks and cannot be written."""

from dataclasses import dataclass

import torch
from torch import Tensor

from charlm.generation.samplers import Sampler


@dataclass(frozen=True)
class Without(Sampler):
    """Mask of one token; the others keep their proportions. Not an option of its own: it applies before all others."""

    token: int

    @property
    def compiled(self) -> tuple[str, float]:
        return "without", self.token

    def __call__(self, logits: Tensor, history: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        left = logits.clone()
        left[..., self.token] = -torch.inf
        return left, state


def without(token: int | None) -> list[Sampler]:
    """Return the sampler that leaves a token out; none for None."""
    return [] if token is None else [Without(token)]
