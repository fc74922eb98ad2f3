"""Draws: for each row of a batch a symbol, and the next from the logits that follow it, a number of steps at once."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from charlm.generation.compiled import LEFT, CompiledDraws, fits
from charlm.generation.samplers import Sampler
from charlm.nn.network import Network, NetworkState, select


class Draws(Protocol):
    """Rows of text being drawn, side by side."""

    def __call__(self, chances: Tensor) -> tuple[Tensor, Tensor]:
        """Draw as many steps as `chances` (n, B), in [0, 1) and float64, has, or fewer where more than a quarter of the
        rows have drawn the end: the symbols (m, B), and the logits (m, B, V) each was drawn from, not yet filtered."""

    def keep(self, rows: Tensor) -> None:
        """Go on with some of the rows."""


def draws(
    network: Network,
    samplers: Sequence[Sampler],
    logits: Tensor,
    state: NetworkState,
    history: Tensor,
    end: int,
) -> Draws:
    """The fastest way to draw on from logits (B, V) and a state; history (B, t) is what was read before."""
    if fits(network, samplers):
        return CompiledDraws(network, samplers, logits, state, end)
    return TorchDraws(network, samplers, logits, state, history, end)


class TorchDraws:
    """In plain torch, for any network and samplers on any device."""

    def __init__(
        self,
        network: Network,
        samplers: Sequence[Sampler],
        logits: Tensor,
        state: NetworkState,
        history: Tensor,
        end: int,
    ) -> None:
        self._network, self._samplers, self._end = network, samplers, end
        self._logits, self._state, self._history = logits, state, history
        self._memories = [sampler.start(len(logits)) for sampler in samplers]

    def __call__(self, chances: Tensor) -> tuple[Tensor, Tensor]:
        symbols, logits = [], []
        ended = torch.zeros(chances.shape[1], dtype=torch.bool, device=self._logits.device)
        for chance in chances:
            filtered = self._logits
            for place, sampler in enumerate(self._samplers):
                filtered, self._memories[place] = sampler(filtered, self._history, self._memories[place])
            drawn = draw(filtered, chance)
            symbols.append(drawn)
            logits.append(self._logits)
            self._history = torch.cat((self._history, drawn[:, None]), dim=1)
            following, self._state = self._network(drawn[None], self._state)
            self._logits = following[0]
            ended |= drawn == self._end
            if int(ended.sum()) > int(LEFT * len(ended)):
                break
        return torch.stack(symbols), torch.stack(logits)

    def keep(self, rows: Tensor) -> None:
        self._logits, self._history, self._state = self._logits[rows], self._history[rows], select(self._state, rows)
        self._memories = [memory if memory is None else memory[rows] for memory in self._memories]


def draw(logits: Tensor, chance: Tensor) -> Tensor:
    """The symbol (B,) at which the cumulative distribution of each row of logits (B, V) passes `chance` (B,)."""
    cumulative = torch.softmax(logits.cpu().double(), dim=-1).cumsum(dim=-1)  # in float64, which not all GPUs have
    level = chance[:, None] * cumulative[:, -1:]
    passed = torch.searchsorted(cumulative, level, right=True)[:, 0]
    return passed.clamp(max=logits.shape[1] - 1).to(logits.device)  # of logits that are no numbers, some symbol
