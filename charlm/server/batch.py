"""The running batch of a model: completions join it at any time, and leave it when they end.

The completions are rows of one matrix, each with its own samplers. Samplers that the compiled loops do not have need a
matrix of their own. Each turn advances all rows of a matrix by the same number of tokens.
The random number of a token depends on the seed and the place of the token alone, so the other rows change a completion
by rounding only.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch

from charlm.generation.compiled import fits
from charlm.generation.drawing import Draws, TorchDraws, draws
from charlm.generation.ending import Row
from charlm.generation.generate import check_finite
from charlm.generation.opening import Opening
from charlm.generation.samplers import Sampler
from charlm.generation.without import without
from charlm.nn.network import Network, NetworkState, join, select
from charlm.nn.probability import log_softmax
from charlm.randomness import uniform

Filters = tuple[Sampler, ...]

_TURN = 0.02  # seconds that a turn of all groups should take: others join after it
_TURN_EACH = 0.001  # or as many for each completion, if that is more: far more than it costs to send a part
_MAX_STEPS = 64  # of a turn
_MAX_LOGITS = 2**22  # of a turn
_MAX_IDLE = 8  # groups without a completion whose packed weights are kept


class Token(NamedTuple):
    """A drawn token: log P by the model without samplers, and the likeliest tokens in its place with theirs."""

    id: int
    logprob: float
    likeliest: list[tuple[int, float]]


class Part(NamedTuple):
    """What a turn adds to a completion. `tokens` is empty unless the completion asks for them."""

    text: str
    tokens: list[Token]
    last: bool


@dataclass(eq=False)
class Completion:
    """A text in progress.

    alternatives: how many of the likeliest tokens to return for each token; None: return no tokens. on_part and
    on_error: called in the thread of the engine. cancelled: set by anyone; the completion then leaves the batch.
    """

    opening: Opening
    samplers: tuple[Sampler, ...]
    row: Row
    seed: int
    alternatives: int | None
    on_part: Callable[[Part], None]
    on_error: Callable[[Exception], None]
    step: int = 0
    cancelled: bool = False

    def take(
        self, drawn: list[int], logprobs: list[float], likeliest: Sequence[list[tuple[int, float]]], eos: int
    ) -> None:
        """Append drawn tokens, and report what they add."""
        self.step += len(drawn)
        text = self.row.take(drawn, logprobs, eos)
        tokens = []
        if self.alternatives is not None:
            tokens = [Token(drawn[n], logprobs[n], likeliest[n][: self.alternatives]) for n in self.row.taken]
        self.on_part(Part(text, tokens, self.row.stopped is not None))


@dataclass(eq=False)
class _Group:
    """Completions that are drawn together: with any samplers of the compiled loops, or all with the same ones."""

    completions: list[Completion] = field(default_factory=list)
    drawing: Draws | None = None
    pace: float = 0.0  # seconds per step, in the last turn


class Batch:
    """The completions of one model that are being drawn. Only the thread of the engine calls its methods."""

    def __init__(self, network: Network, eos: int) -> None:
        self._network, self._eos = network, eos
        self._is_compiled = fits(network, ())
        self._groups: dict[Filters, _Group] = {}  # by their samplers; () if the compiled loops draw them

    @property
    def size(self) -> int:
        """Number of completions."""
        return sum(len(group.completions) for group in self._groups.values())

    @torch.inference_mode()
    def add(self, new: Sequence[Completion]) -> None:
        """Let completions join."""
        together: dict[Filters, list[tuple[Completion, Filters, torch.Tensor, NetworkState]]] = {}
        for completion in new:
            try:
                opened = self._begin(completion)
            except Exception as error:
                completion.on_error(error)
                continue
            if not completion.row.stopped and not completion.cancelled:
                filters = (*without(completion.opening.left_out), *completion.samplers)
                together.setdefault(self._key(filters), []).append((completion, filters, *opened))
        for key, opened_together in together.items():
            completions, samplers, logits, states = zip(*opened_together, strict=True)
            try:
                self._join(self._groups.setdefault(key, _Group()), samplers, torch.cat(logits), join(states))
                self._groups[key].completions += completions
            except Exception as error:
                _fail(completions, error)

    @torch.inference_mode()
    def advance(self) -> None:
        """Draw some tokens of every completion, and drop those that have ended."""
        for filters, group in list(self._groups.items()):
            self._drop(group)
            if group.completions:
                try:
                    self._turn(group)
                except Exception as error:
                    _fail(group.completions, error)
                    del self._groups[filters]
        idle = [filters for filters, group in self._groups.items() if not group.completions]
        for filters in idle[: max(0, len(idle) - _MAX_IDLE)]:
            del self._groups[filters]

    def _begin(self, completion: Completion) -> tuple[torch.Tensor, NetworkState]:
        """Return logits and state after the prompt, or after the first token if only some tokens may be the first."""
        opening = completion.opening
        if opening.first_tokens is None:
            return opening.logits, opening.state
        filters = [*without(opening.left_out), *completion.samplers]
        history = torch.as_tensor(opening.ids, device=opening.logits.device).long()[None]
        first = TorchDraws(
            self._network, filters, opening.logits, opening.state, history, self._eos, opening.first_tokens
        )
        self._hand_out([completion], *first(_chances([completion], 1)))
        return first.logits, first.state

    def _key(self, filters: Filters) -> Filters:
        return () if self._is_compiled and all(each.compiled for each in filters) else filters

    def _join(self, group: _Group, samplers: Sequence[Filters], logits: torch.Tensor, state: NetworkState) -> None:
        rows = torch.arange(len(logits), device=logits.device)
        if group.drawing is None:
            first, rows = rows[:1], rows[1:]
            history = torch.empty(1, 0, dtype=torch.long, device=logits.device)
            group.drawing = draws(self._network, samplers[0], logits[first], select(state, first), history, self._eos)
            samplers = samplers[1:]
        if samplers:
            group.drawing.join(logits[rows], select(state, rows), samplers)

    def _turn(self, group: _Group) -> None:
        completions, drawing = group.completions, group.drawing
        assert drawing is not None
        room = max(completion.row.room for completion in completions)
        most = _MAX_LOGITS // (len(completions) * self._network.choices)
        seconds = max(_TURN * len(completions) / self.size, _TURN_EACH * len(completions))
        steps = max(1, min(_MAX_STEPS, int(seconds / group.pace) if group.pace else 1, most, room))
        began = time.perf_counter()
        tokens, logits = drawing(_chances(completions, steps))
        group.pace = max((time.perf_counter() - began) / len(tokens), 1e-6)
        self._hand_out(completions, tokens, logits)
        self._drop(group)

    def _hand_out(self, completions: Sequence[Completion], tokens: torch.Tensor, logits: torch.Tensor) -> None:
        """Give each completion its tokens (n, B), of which the unfiltered logits are (n, B, V)."""
        all_logprobs = log_softmax(logits)
        logprobs = all_logprobs.gather(2, tokens[:, :, None])[:, :, 0]
        check_finite(logprobs.isfinite())
        drawn, values = tokens.t().tolist(), logprobs.t().tolist()
        for number, completion in enumerate(completions):
            likeliest = _likeliest(all_logprobs[:, number], completion.alternatives)
            completion.take(drawn[number], values[number], likeliest, self._eos)

    def _drop(self, group: _Group) -> None:
        """Drop the completions that have ended."""
        running = [n for n, each in enumerate(group.completions) if not each.row.stopped and not each.cancelled]
        if len(running) < len(group.completions):
            assert group.drawing is not None
            group.drawing.keep(torch.tensor(running, dtype=torch.long, device=self._network.device))
            group.completions = [group.completions[n] for n in running]


def _fail(completions: Sequence[Completion], error: Exception) -> None:
    for completion in completions:
        completion.on_error(error)


def _chances(completions: Sequence[Completion], steps: int) -> torch.Tensor:
    """Return the random numbers of the next tokens: (n, B)."""
    rows = np.array([(each.seed, each.row.index, each.step) for each in completions], dtype=np.uint64).T
    return torch.from_numpy(uniform(rows[0], rows[1], rows[2] + np.arange(steps, dtype=np.uint64)[:, None]))


def _likeliest(logprobs: torch.Tensor, count: int | None) -> list[list[tuple[int, float]]]:
    """Return the likeliest tokens at each step of (n, V), with log P."""
    if not count:
        return [[] for _ in range(len(logprobs))]
    best = logprobs.topk(min(count, logprobs.shape[1]), dim=1)
    return [list(zip(*each, strict=True)) for each in zip(best.indices.tolist(), best.values.tolist(), strict=True)]
