"""Drawing of tokens: for each row of a batch one token from the logits, several steps at a time."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from charlm.generation.compiled import ENDED_SHARE, CompiledDraws, fits
from charlm.generation.samplers import Sampler
from charlm.nn import graphs
from charlm.nn.gpu_reading import grouped, parts_of
from charlm.nn.mixed import MixedNetwork
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

    def join(self, logits: Tensor, state: NetworkState, samplers: Sequence[Sequence[Sampler]]) -> None:
        """Append rows, whose next token has these logits (B, V), with the samplers of each row.

        No sampler may depend on what was drawn before. Rows may have different samplers if the compiled loops have all
        of them (`compiled.fits`).
        """


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
        on_gpu = self.logits.is_cuda
        step, every = self._step, _CHECK_EVERY if on_gpu else 1
        if on_gpu and self._depends_on_logits_alone:
            step, chances = self._recorded_step, chances.to(self.logits.device)
        tokens, logits = [], []
        ended = torch.zeros(chances.shape[1], dtype=torch.bool, device=self.logits.device)
        for number, chance in enumerate(chances, start=1):
            logits.append(self.logits)
            tokens.append(step(chance))
            if number % every == 0:
                ended |= (torch.stack(tokens[-every:]) == self.end).any(0)
                if int(ended.sum()) > int(ENDED_SHARE * len(ended)):
                    break
        return torch.stack(tokens), torch.stack(logits)

    @property
    def _depends_on_logits_alone(self) -> bool:
        """Whether a step needs nothing but tensors on the network's device: no history, and no counts."""
        samplers = self._first_tokens is None and all(each.compiled for each in self.samplers)
        return samplers and not isinstance(self.network, MixedNetwork)

    def _step(self, chance: Tensor) -> Tensor:
        """Draw a token for each row and read it."""
        drawn, self.logits, self.state = self._advance(self.logits, chance, self.state)
        self._history = torch.cat((self._history, drawn[:, None]), dim=1)
        return drawn

    def _recorded_step(self, chance: Tensor) -> Tensor:
        """Draw and read on a GPU with one call. The history is not kept, since no sampler needs it."""
        layers = [len(layer) for layer in self.state]

        def step(logits: Tensor, chance: Tensor, *parts: Tensor) -> tuple[Tensor, ...]:
            drawn, after, state = self._advance(logits, chance, grouped(parts, layers))
            return (drawn, after, *parts_of(state))

        settings = tuple(each.compiled for each in self.samplers)
        given = [self.logits, chance, *parts_of(self.state)]
        drawn, self.logits, *parts = graphs.run(self.network, step, given, settings=settings)
        self.state = grouped(parts, layers)
        return drawn

    def _advance(self, logits: Tensor, chance: Tensor, state: NetworkState) -> tuple[Tensor, Tensor, NetworkState]:
        """Return the tokens drawn from the logits (B, V), and the logits and the state that follow them."""
        filtered = logits
        if self._first_tokens is not None:
            filtered, self._first_tokens = filtered.masked_fill(~self._first_tokens, -torch.inf), None
        for index, sampler in enumerate(self.samplers):
            filtered, self._sampler_states[index] = sampler(filtered, self._history, self._sampler_states[index])
        drawn = draw(filtered, chance)
        after, state = self.network(drawn[None], state)
        return drawn, after[0], state

    def keep(self, rows: Tensor) -> None:
        self.logits, self._history, self.state = self.logits[rows], self._history[rows], select(self.state, rows)
        self._sampler_states = [state if state is None else state[rows] for state in self._sampler_states]

    def join(self, logits: Tensor, state: NetworkState, samplers: Sequence[Sequence[Sampler]]) -> None:
        assert all(list(each) == list(self.samplers) for each in samplers)
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

    def join(self, logits: Tensor, state: NetworkState, samplers: Sequence[Sequence[Sampler]]) -> None:
        (self._compiled.join if self._compiled else super().join)(logits, state, samplers)


def draw(logits: Tensor, chance: Tensor) -> Tensor:
    """Return the token (B,) at which each row's cumulative distribution, from logits (B, V), passes `chance` (B,)."""
    exact = logits.cpu() if logits.device.type == "mps" else logits  # which has no float64
    cumulative = torch.softmax(exact.double(), dim=-1).cumsum(dim=-1)
    level = chance.to(exact.device)[:, None] * cumulative[:, -1:]
    passed = torch.searchsorted(cumulative, level, right=True)[:, 0]
    return passed.clamp(max=logits.shape[1] - 1).to(logits.device)  # NaN logits give some valid token
