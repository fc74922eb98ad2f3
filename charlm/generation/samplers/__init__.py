"""The contract of a sampler: logits → logits, with what may not be drawn set to minus infinity.

Samplers are applied one after the other; the draw itself is `generation`'s. A new one is one file here.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from charlm.registry import find


class Sampler(ABC):
    """A frozen dataclass of few numbers, its settings. Raises ConfigError for one out of range."""

    @property
    def compiled(self) -> tuple[str, float] | None:
        """Name and setting where native/stack.c has the sampler too; None where it is for torch alone."""
        return None

    def start(self, batch_size: int) -> Tensor | None:
        """The sampler's own state (B, ...) before the first draw; None where it needs none."""
        return None

    @abstractmethod
    def __call__(self, logits: Tensor, history: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """logits (B, V), the symbols read and drawn so far (B, t), own state → logits (B, V), own state."""


def keep_until(p: float, logits: Tensor, order: Tensor, probability: Tensor) -> Tensor:
    """The logits (B, V) of the fewest symbols, the first in their `order` (B, V), that reach p together.

    `probability` (B, V) is theirs, in that order.
    """
    before = probability.cumsum(dim=-1) - probability  # of those that come first
    over = (before >= p) & (p < 1)  # rounding must not cost the last symbols
    over[..., 0] = False  # nor a tiny p the first
    kept = logits.gather(-1, order).masked_fill(over, -torch.inf)
    return torch.empty_like(logits).scatter(-1, order, kept)


def chain(settings: Mapping[str, float | tuple[float, ...] | None]) -> Sequence[Sampler]:
    """The samplers named by the settings that are not None, in their order: `{"top_k": 5}` → [TopK(5)]."""
    return [
        find(Sampler, name.replace("_", "-"))(*(value if isinstance(value, tuple) else (value,)))
        for name, value in settings.items()
        if value is not None
    ]


def repeating(history: Tensor, n: int, logits: Tensor) -> Tensor:
    """(B, V): whether a symbol would end n symbols that stand in the history (B, t) already, as they would then."""
    repeats = torch.zeros_like(logits, dtype=torch.bool)
    t = history.shape[1]
    if t >= n:
        windows = history.unfold(1, n, 1)  # (B, t - n + 1, n)
        same = (windows[:, :, :-1] == history[:, None, t - n + 1 :]).all(dim=-1)
        rows, places = same.nonzero(as_tuple=True)
        repeats[rows, windows[rows, places, -1]] = True
    return repeats
