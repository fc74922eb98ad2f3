"""What clipping does: a gradient whose norm is above a bound is scaled down to it (Pascanu 2013, arXiv:1211.5063).

All of it is, by one factor, so that the share of what lies far back stays as small as it was.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from charlm.network import Network
from charlm.probability import log_softmax
from charlm.tokenizers import Ids

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
