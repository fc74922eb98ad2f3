"""Random numbers of torch from a generator of one's own.

torch's default generator belongs to the whole process: two threads that draw from it take numbers from each other. The
initial weights and the dropout of a run therefore come from a generator that only this run knows. They are the numbers
that the default generator would give after the same seed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_DEFAULT_GENERATOR = Lock()  # guards the default generator of each GPU


class Seeded(TorchFunctionMode):
    """A context in which this thread's initial weights come from a generator with this seed."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._generator = torch.Generator().manual_seed(seed)

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function of torch. The functions of `torch.nn.init` pass their generator by name, None or not."""
        keywords = dict(kwargs or {})
        if "generator" in keywords:
            keywords["generator"] = self._generator
        return function(*args, **keywords)


def dropout(x: Tensor, share: float, generator: torch.Generator | None = None) -> Tensor:
    """Set a random share of the numbers to zero, and scale the others so that the mean stays.

    The random numbers come from `generator`, on the device of `x`, or from torch's default generator.
    """
    if generator is None:
        return functional.dropout(x, share)
    if x.device.type == "cuda":
        with lent(generator, x.device):
            return functional.dropout(x, share)
    return x * torch.empty_like(x).bernoulli_(1 - share, generator=generator).div_(1 - share)


@contextmanager
def lent(generator: torch.Generator | None, device: torch.device) -> Iterator[None]:
    """Let a GPU's default generator, the only one of its fused dropout and of its graphs, go on from `generator`."""
    if generator is None:
        yield
        return
    default = torch.cuda.default_generators[device.index]
    with _DEFAULT_GENERATOR:
        before = default.get_state()
        default.set_state(generator.get_state())
        try:
            yield
        finally:
            generator.set_state(default.get_state())
            default.set_state(before)
