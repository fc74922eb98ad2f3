"""Contract of a sampler: a filter of the next-token distribution that maps logits to logits.

A sampler is one file here. Its fields are its settings: the field `top_k` is the keyword argument `top_k` of
`LanguageModel.generate` and the option `--top-k` of `charlm sample`. Samplers apply one after the other; `drawing`
draws the token.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from charlm.registry import declarations, find
from charlm.wording import nearest

PACKAGE = "generation.samplers"


class Sampler(ABC):
    """A frozen dataclass; each field is a number, a text or a flag, with its help in the metadata.

    A sampler applies if the caller gives each field that has no default. Its constructor raises ConfigError for a value
    out of range.
    """

    order: ClassVar[int] = 90  # lower orders apply first

    @property
    def compiled(self) -> tuple[str, float] | None:
        """Name and setting of the same filter in nn/native/stack.c; None if only torch has it."""
        return None

    def start(self, batch_size: int) -> Tensor | None:
        """Return the sampler's state (B, ...) before the first draw; None if it needs no state."""
        return None

    @abstractmethod
    def __call__(self, logits: Tensor, history: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the filtered logits (B, V) and the next state.

        `logits` is (B, V); a token that must not be drawn gets −∞. `history` is (B, t), the tokens of the prompt and
        those drawn so far.
        """


def chain(settings: Mapping[str, Any]) -> list[Sampler]:
    """Return the samplers that the settings ask for, in the order in which they apply: {"top_k": 5} → [TopK(5)].

    A setting of None counts as not given. Raises TypeError for an unknown setting, and ConfigError for a value out of
    range.
    """
    known = [option.name for each in declarations(PACKAGE) for option in each.options]
    for name in settings:
        if name not in known:
            near = nearest(name, known)
            hint = f"did you mean {near[0]!r}?" if near else f"the samplers have {', '.join(known)}"
            raise TypeError(f"unexpected keyword argument {name!r}; {hint}")
    samplers = []
    for declaration in declarations(PACKAGE):
        own = [option.name for option in declaration.options if settings.get(option.name) is not None]
        if all(option.name in own for option in declaration.options if option.required):
            samplers.append(find(Sampler, declaration.name)(**{name: settings[name] for name in own}))
    return samplers


def keep_until(p: float, logits: Tensor, order: Tensor, probability: Tensor) -> Tensor:
    """Keep the logits (B, V) of the first tokens in `order` (B, V) whose probabilities sum to p or more; mask the rest.

    `probability` (B, V) holds the probabilities in that order.
    """
    before = probability.cumsum(dim=-1) - probability  # of the tokens that precede each one
    over = (before >= p) & (p < 1)  # with p = 1, rounding must not remove the last tokens
    over[..., 0] = False  # a tiny p must not remove the first token
    kept = logits.gather(-1, order).masked_fill(over, -torch.inf)
    return torch.empty_like(logits).scatter(-1, order, kept)


def repeating(history: Tensor, n: int, logits: Tensor) -> Tensor:
    """Return (B, V) booleans: whether each token would complete an n-gram that the history (B, t) already contains."""
    repeats = torch.zeros_like(logits, dtype=torch.bool)
    t = history.shape[1]
    if t >= n:
        windows = history.unfold(1, n, 1)  # (B, t - n + 1, n)
        same = (windows[:, :, :-1] == history[:, None, t - n + 1 :]).all(dim=-1)
        rows, offsets = same.nonzero(as_tuple=True)
        repeats[rows, windows[rows, offsets, -1]] = True
    return repeats
