"""Norm of the gradient ‖∂loss<t> / ∂state<t−k>‖ against the distance k (Pascanu et al. 2013, arXiv:1211.5063).

loss<t> = −log ŷ<t>[y<t>] in nats. state<t−k> is everything that the network carries from token t−k to the next: a and c
of an LSTM, and the states of all layers. So k begins at 1. ∂state<t>/∂state<t−k> is a product of k Jacobians, and
behaves like a power of k: it vanishes or it explodes.
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

_MOST_TARGETS = 64  # values of t
# Ratio of successive norms at which half of the gradient is left after 20 steps, and after 5.
_CARRIES, _FADES = 0.5 ** (1 / 20), 0.5 ** (1 / 5)


@dataclass(frozen=True)
class GradientNorms:
    """The norm of the gradient at each distance: the median over `targets` values of t."""

    distance: list[int]
    norm: list[float]
    targets: int

    @property
    def rate(self) -> float | None:
        """Geometric mean of the ratio of successive norms; None if all are zero, infinite if they overflow."""
        first, last = self.norm[0], self.norm[-1]
        if not (math.isfinite(first) and math.isfinite(last)):
            return math.inf
        if first == 0:
            return None
        return float((last / first) ** (1 / max(1, len(self.norm) - 1)))

    @property
    def verdict(self) -> Verdict:
        """Carries: at least half is left after 20 steps; vanishes: less than half after 5; explodes: twice after 20."""
        rate = self.rate or 0.0
        if rate > 1 / _CARRIES:
            return "explodes"
        return "carries" if rate >= _CARRIES else "fades" if rate >= _FADES else "vanishes"


def gradient_norms(network: Network, rows: Sequence[Ids], farthest: int) -> GradientNorms:
    """Measure a network that reads these rows, each from a zero state and with START first.

    `farthest` is the largest k, at least 2; shorter rows lower it. Raises ConfigError if all rows are too short for a k
    of 2.
    """
    network = copy.deepcopy(network).cpu().double().eval().requires_grad_(False)  # float32 would end at 1e-38
    farthest = min(farthest, max((len(row) for row in rows), default=0) - 1)
    windows = _windows(network, rows, farthest) if farthest > 1 else []
    if not windows:
        raise ConfigError("the text has no token to predict after two others; give a longer text")
    ids, state = _read_until(network, rows, windows, farthest)
    with torch.enable_grad():
        carried = []
        for now in ids[:-1]:
            # The state is often the output too. Its copy is the input of the next step alone, so that the gradient at
            # the copy leaves out the path through the logits of this step.
            state = tuple(tuple(part.clone().requires_grad_() for part in layer) for layer in state)
            carried.append([part for layer in state for part in layer])
            logits, state = network(now[None], state)
        loss = -log_softmax(logits[0]).gather(1, ids[-1:].t()).sum()
        parts = [part for state in carried for part in state]
        gradients = torch.autograd.grad(loss, parts)
    squares = torch.stack([gradient.square().sum(dim=1) for gradient in gradients])  # (K · parts, B)
    norms = squares.view(farthest, -1, len(windows)).sum(dim=1).sqrt().flip(0)  # (K, B), k = 1 first
    return GradientNorms(list(range(1, farthest + 1)), norms.median(dim=1).values.tolist(), len(windows))


def _windows(network: Network, rows: Sequence[Ids], farthest: int) -> list[tuple[int, int]]:
    """Windows (row, t − k), evenly spread over the text, in which t is in the row and its token can be predicted."""
    allowed = network.allowed_tokens.tolist()
    windows = [
        (number, first)
        for number, row in enumerate(rows)
        for first in range(len(row) - farthest)
        if allowed[row[first + farthest]]
    ]
    if len(windows) <= _MOST_TARGETS:
        return windows
    return [windows[index] for index in np.linspace(0, len(windows) - 1, _MOST_TARGETS).astype(int)]


@torch.no_grad()
def _read_until(
    network: Network, rows: Sequence[Ids], windows: Sequence[tuple[int, int]], farthest: int
) -> tuple[Tensor, NetworkState]:
    """Return the tokens of the windows (K + 1, B), and the state before each window, its row read from the start."""
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


_WINDOW = 64  # tokens of the training step


@dataclass(frozen=True)
class Clipping:
    """Three norms of one step of gradient descent, which show what clipping does."""

    gradient: float  # of all weights together
    clipped: float  # of the same gradient after clipping
    weights: float  # of the weights themselves


def clipping(network: Network, rows: Sequence[Ids], clip: float) -> Clipping:
    """Clip the gradient of a training step on the first 64 tokens of the longest row (Pascanu et al. 2013)."""
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
