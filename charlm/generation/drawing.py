"""Drawing of tokens: for each row of a batch one token from the logits, several steps at a time."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from charlm.generation.compiled import ENDED_SHARE, CompiledDraws, fits
from charlm.generation.samplers import Sampler
from charlm.nn import graphs
from charlm.nn.gpu_reading import grouped, parts_of
from charlm.nn.network import Network, NetworkState, join, select

_CHECK_EVERY = 8  # steps after which a GPU is asked which rows have ended, since it has to finish all steps to answer


class Draws(Protocol):
    """Rows of text that are drawn in parallel."""

    def __call__(self, chances: Tensor) -> tuple[Tensor, Tensor]:
        """Draw one token per row for each step of `chances` (n, B), float64 in [0, 1).

        Return the tokens (m, B), and the unfiltered logits (m, B, V) of each step. m is less than n if more than a
        quarter of the rows have drawn the end.
        """

    def keep(self, rows: Tensor) -> None:
        """Drop all rows but these."""

    def join(self, logits: Tensor, state: NetworkState) -> None:
        """Append rows, whose next token has these logits (B, V). No sampler may depend on what was drawn before."""


def draws(
    network: Network,
    samplers: Sequence[Sampler],
    logits: Tensor,
    state: NetworkState,
    history: Tensor,
    end: int,
    first_tokens: Tensor | None = None,
) -> Draws:
    """Return the fastest Draws for a network and samplers.

    `logits` (B, V) and `state` follow the prompt, whose tokens are `history` (B, t); `end` is the id of <EOS>.
    first_tokens: (V,), the tokens among which the first one is drawn; None means all.
    """
    if not fits(network, samplers):
        return TorchDraws(network, samplers, logits, state, history, end, first_tokens)
    if first_tokens is None:
        return CompiledDraws(network, samplers, logits, state, end)
    return _TorchFirst(network, samplers, logits, state, history, end, first_tokens)


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
        first_tokens: Tensor | None = None,
    ) -> None:
        self.network, self.samplers, self.end = network, samplers, end
        self.logits, self.state, self._history = logits, state, history
        self._first_tokens = first_tokens
        self._sampler_states = [sampler.start(len(logits)) for sampler in samplers]

    def __call__(self, chances: Tensor) -> tuple[Tensor, Tensor]:
        if self.logits.is_cuda and self._first_tokens is None and all(each.compiled for each in self.samplers):
            return self._by_graph(chances.to(self.logits.device))
        tokens, logits = [], []
        ended = torch.zeros(chances.shape[1], dtype=torch.bool, device=self.logits.device)
        for chance in chances:
            filtered = self.logits
            if self._first_tokens is not None:
                filtered, self._first_tokens = filtered.masked_fill(~self._first_tokens, -torch.inf), None
            for index, sampler in enumerate(self.samplers):
                filtered, self._sampler_states[index] = sampler(filtered, self._history, self._sampler_states[index])
            drawn = draw(filtered, chance)
            tokens.append(drawn)
            logits.append(self.logits)
            self._history = torch.cat((self._history, drawn[:, None]), dim=1)
            next_logits, self.state = self.network(drawn[None], self.state)
            self.logits = next_logits[0]
            ended |= drawn == self.end
            if int(ended.sum()) > int(ENDED_SHARE * len(ended)):
                break
        return torch.stack(tokens), torch.stack(logits)

    def _by_graph(self, chances: Tensor) -> tuple[Tensor, Tensor]:
        """Draw on a GPU with one call for each step; the samplers depend on the logits alone."""
        tokens, logits = [], []
        layers = [len(layer) for layer in self.state]

        def step(logits: Tensor, chance: Tensor, *parts: Tensor) -> tuple[Tensor, ...]:
            filtered = logits
            for sampler in self.samplers:
                filtered, _ = sampler(filtered, self._history, None)
            drawn = draw(filtered, chance)
            after, state = self.network(drawn[None], grouped(parts, layers))
            return (drawn, after[0], *parts_of(state))

        settings = tuple(each.compiled for each in self.samplers)
        for number, chance in enumerate(chances, start=1):
            given = [self.logits, chance, *parts_of(self.state)]
            logits.append(self.logits)
            drawn, self.logits, *parts = graphs.run(self.network, step, given, settings=settings)
            self.state = grouped(parts, layers)
            tokens.append(drawn)
            if number % _CHECK_EVERY == 0:
                ended = (torch.stack(tokens) == self.end).any(0)
                if int(ended.sum()) > int(ENDED_SHARE * len(ended)):
                    break
        return torch.stack(tokens), torch.stack(logits)

    def keep(self, rows: Tensor) -> None:
        self.logits, self._history, self.state = self.logits[rows], self._history[rows], select(self.state, rows)
        self._sampler_states = [state if state is None else state[rows] for state in self._sampler_states]

    def join(self, logits: Tensor, state: NetworkState) -> None:
        self.logits, self.state = torch.cat((self.logits, logits)), join((self.state, state))
        self._history = self._history.new_empty(len(self.logits), 0)
        self._sampler_states = [sampler.start(len(self.logits)) for sampler in self.samplers]


class _TorchFirst(TorchDraws):
    """Draws whose first token comes from plain torch, which can restrict it, and the others from the compiled loops."""

    _compiled: CompiledDraws | None = None

    def __call__(self, chances: Tensor) -> tuple[Tensor, Tensor]:
        if self._compiled:
            return self._compiled(chances)
        drawn = super().__call__(chances[:1])
        self._compiled = CompiledDraws(self.network, self.samplers, self.logits, self.state, self.end)
        return drawn

    def keep(self, rows: Tensor) -> None:
        (self._compiled.keep if self._compiled else super().keep)(rows)

    def join(self, logits: Tensor, state: NetworkState) -> None:
        (self._compiled.join if self._compiled else super().join)(logits, state)


def draw(logits: Tensor, chance: Tensor) -> Tensor:
    """Return the token (B,) at which each row's cumulative distribution, from logits (B, V), passes `chance` (B,)."""
    exact = logits.cpu() if logits.device.type == "mps" else logits  # which has no float64
    cumulative = torch.softmax(exact.double(), dim=-1).cumsum(dim=-1)
    level = chance.to(exact.device)[:, None] * cumulative[:, -1:]
    passed = torch.searchsorted(cumulative, level, right=True)[:, 0]
    return passed.clamp(max=logits.shape[1] - 1).to(logits.device)  # NaN logits give some valid token
