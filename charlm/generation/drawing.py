"""Drawing of tokens: for each row of a batch one token from the logits, several steps at a time."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from charlm.generation.compiled import ENDED_SHARE, CompiledDraws, fits
from charlm.generation.samplers import Sampler
from charlm.nn.network import Network, NetworkState, select


class Draws(Protocol):
    """Rows of text that are drawn in parallel."""

    def __call__(self, chances: Tensor) -> tuple[Tensor, Tensor]:
        """Draw one token per row for each step of `chances` (n, B), float64 in [0, 1).

        Return the tokens (m, B), and the unfiltered logits (m, B, V) of each step. m is less than n if more than a
        quarter of the rows have drawn the end.
        """

    def keep(self, rows: Tensor) -> None:
        """Drop all rows but these."""


def draws(
    network: Network,
    samplers: Sequence[Sampler],
    logits: Tensor,
    state: NetworkState,
    history: Tensor,
    end: int,
) -> Draws:
    """Return the fastest Draws for a network and samplers.

    `logits` (B, V) and `state` follow the prompt, whose tokens are `history` (B, t); `end` is the id of <EOS>.
    """
    if fits(network, samplers):
        return CompiledDraws(network, samplers, logits, state, end)
    return TorchDraws(network, samplers, logits, state, history, end)


class TorchDraws:
    """Draws in plain torch, for any network and samplers on any device."""

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
        self._sampler_states = [sampler.start(len(logits)) for sampler in samplers]

    def __call__(self, chances: Tensor) -> tuple[Tensor, Tensor]:
        tokens, logits = [], []
        ended = torch.zeros(chances.shape[1], dtype=torch.bool, device=self._logits.device)
        for chance in chances:
            filtered = self._logits
            for index, sampler in enumerate(self._samplers):
                filtered, self._sampler_states[index] = sampler(filtered, self._history, self._sampler_states[index])
            drawn = draw(filtered, chance)
            tokens.append(drawn)
            logits.append(self._logits)
            self._history = torch.cat((self._history, drawn[:, None]), dim=1)
            next_logits, self._state = self._network(drawn[None], self._state)
            self._logits = next_logits[0]
            ended |= drawn == self._end
            if int(ended.sum()) > int(ENDED_SHARE * len(ended)):
                break
        return torch.stack(tokens), torch.stack(logits)

    def keep(self, rows: Tensor) -> None:
        self._logits, self._history, self._state = self._logits[rows], self._history[rows], select(self._state, rows)
        self._sampler_states = [state if state is None else state[rows] for state in self._sampler_states]


def draw(logits: Tensor, chance: Tensor) -> Tensor:
    """Return the token (B,) at which each row's cumulative distribution, from logits (B, V), passes `chance` (B,)."""
    cumulative = torch.softmax(logits.cpu().double(), dim=-1).cumsum(dim=-1)  # not all GPUs have float64
    level = chance[:, None] * cumulative[:, -1:]
    passed = torch.searchsorted(cumulative, level, right=True)[:, 0]
    return passed.clamp(max=logits.shape[1] - 1).to(logits.device)  # NaN logits give some valid token
