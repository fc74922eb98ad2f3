"""How far back a loss is felt: ‖∂loss<t> / ∂state<t−k>‖ against the distance k (Pascanu 2013, arXiv:1211.5063).

loss<t> = −log ŷ<t>[y<t>] in nats; state<t−k> is all that the network carries from symbol t−k to the next: of an LSTM
a and c together, of several layers those of all. So k begins at 1. ∂state<t>/∂state<t−k> is a product of k Jacobians,
and goes like a power of k: it vanishes, or it explodes.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from charlm.errors import ConfigError
from charlm.nn.network import Network, NetworkState, join
from charlm.nn.probability import log_softmax
from charlm.tokenizers import Ids

Verdict = Literal["explodes", "carries", "fades", "vanishes"]

_PLACES = 64  # values of t, at most
# What is left after one more step: with the first the half after twenty steps, with the second after five.
_CARRIES, _FADES = 0.5 ** (1 / 20), 0.5 ** (1 / 5)


@dataclass(frozen=True)
class Flow:
    """The norm of the gradient at each distance: the median over `places` values of t."""

    distance: list[int]
    norm: list[float]
    places: int

    @property
    def rate(self) -> float | None:
        """What is left of the norm after one more step, on (geometric) average; None where all is zero, and infinite
        where it has grown until it is no number."""
        first, last = self.norm[0], self.norm[-1]
        if not (math.isfinite(first) and math.isfinite(last)):
            return math.inf
        if first == 0:
            return None
        return float((last / first) ** (1 / max(1, len(self.norm) - 1)))

    @property
    def verdict(self) -> Verdict:
        """Carries: half or more is left after twenty steps; vanishes: less after five; explodes: twice after twenty."""
        rate = self.rate or 0.0
        if rate > 1 / _CARRIES:
            return "explodes"
        return "carries" if rate >= _CARRIES else "fades" if rate >= _FADES else "vanishes"


def flow(network: Network, rows: Sequence[Ids], farthest: int) -> Flow:
    """The gradient in a network that reads these rows, each from a zero state and with START before it.

    farthest: the largest k, at least 2. Where no row is so long, the longest decides. Raises ConfigError for rows that
    are too short for a k of 2.
    """
    network = copy.deepcopy(network).cpu().double().eval().requires_grad_(False)  # float32 would end at 1e-38
    farthest = min(farthest, max((len(row) for row in rows), default=0) - 1)
    windows = _places(network, rows, farthest) if farthest > 1 else []
    if not windows:
        raise ConfigError("there is no symbol to predict that has two before it; give a longer text")
    ids, state = _read_until(network, rows, windows, farthest)
    with torch.enable_grad():
        carried = []
        for now in ids[:-1]:
            # A copy, since the state is often the output too: what is asked is what reaches the next step.
            state = tuple(tuple(part.clone().requires_grad_() for part in layer) for layer in state)
            carried.append([part for layer in state for part in layer])
            logits, state = network(now[None], state)
        loss = -log_softmax(logits[0]).gather(1, ids[-1:].t()).sum()
        parts = [part for state in carried for part in state]
        gradients = torch.autograd.grad(loss, parts)
    squares = torch.stack([gradient.square().sum(dim=1) for gradient in gradients])  # (K · parts, B)
    norms = squares.view(farthest, -1, len(windows)).sum(dim=1).sqrt().flip(0)  # (K, B), the nearest first
    return Flow(list(range(1, farthest + 1)), norms.median(dim=1).values.tolist(), len(windows))


def _places(network: Network, rows: Sequence[Ids], farthest: int) -> list[tuple[int, int]]:
    """Evenly over the text, so many (row, t − k) that t is in the row, and is a symbol that can be predicted."""
    possible = network.allowed_tokens.tolist()
    every = [
        (number, first)
        for number, row in enumerate(rows)
        for first in range(len(row) - farthest)
        if possible[row[first + farthest]]
    ]
    if len(every) <= _PLACES:
        return every
    return [every[place] for place in np.linspace(0, len(every) - 1, _PLACES).astype(int)]


@torch.no_grad()
def _read_until(
    network: Network, rows: Sequence[Ids], windows: Sequence[tuple[int, int]], farthest: int
) -> tuple[Tensor, NetworkState]:
    """The symbols of the windows (K + 1, B), and the state before each of them, their rows read from the start."""
    parts, states = [], []
    for number, row in enumerate(rows):
        firsts = [first for other, first in windows if other == number]
        column = network.column(row)
        state = network.zero_state(1)
        for before, first in pairwise([0, *firsts]):
            if first > before:
                _, state = network(column[before:first], state)
            states.append(state)
            parts.append(column[first : first + farthest + 1])
    return torch.cat(parts, dim=1), join(states)


_WINDOW = 64  # symbols of which a training step takes the gradient


@dataclass(frozen=True)
class Clipping:
    """What clipping does to one step of gradient descent: three norms."""

    gradient: float  # of all weights together
    clipped: float  # the same once it is clipped
    weights: float  # what it would move


def clipping(network: Network, rows: Sequence[Ids], clip: float) -> Clipping:
    """The gradient of a training step on the longest row's first 64 symbols, and what is left of it (Pascanu 2013)."""
    network = copy.deepcopy(network).cpu().double().eval().requires_grad_(True)
    row = max(rows, key=len)[: _WINDOW + 1]
    ids = network.column(row)
    weights = list(network.parameters())
    with torch.enable_grad():
        logits, _ = network(ids[:-1])
        losses = -log_softmax(logits).gather(2, ids[1:, :, None])
        losses[losses.isfinite()].mean().backward()  # type: ignore[no-untyped-call]
    norm = float(torch.nn.utils.clip_grad_norm_(weights, clip))
    clipped = torch.nn.utils.get_total_norm([each.grad for each in weights if each.grad is not None])
    return Clipping(norm, float(clipped), float(torch.nn.utils.get_total_norm([each.detach() for each in weights])))
