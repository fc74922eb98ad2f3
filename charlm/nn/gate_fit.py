"""Fit the gate of a network beside counts to text that neither has learned from.

On the text that it has learned, the network predicts better than on other text. So a gate that is trained there trusts
it too much. Here, the logit of the gate becomes b + a · G[m, k, d] + c · u · h<t> / H, where three numbers, b, a and c,
give the held-out text the highest probability. Letters: as in `mixed.py`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_POSITIONS = 2**15  # of the text that are used; more change the numbers little
_ATTEMPTS = 50
_CHANGE = 1e-4  # of each number; a smaller one ends the fit

Floats = NDArray[np.float64]


class GateFit(NamedTuple):
    """How the gate changes: what is added to its logit, and what multiplies both parts of it."""

    shift: float = 0.0  # b
    by_context: float = 1.0  # a
    by_output: float = 1.0  # c

    def logit(self, by_context: Floats, by_output: Floats) -> Floats:
        """Return the logit of the gate from both parts of it before the change."""
        return self.shift + self.by_context * by_context + self.by_output * by_output


def fit_gate(network: Floats, counts: Floats, by_context: Floats, by_output: Floats) -> GateFit:
    """Return the fit for log P of each target by both parts and the two parts of the gate's logit: each is (N,).

    A normal prior with a standard deviation of 1 keeps the numbers of a short text near those of no change.
    """
    read = np.stack((network, counts, by_context, by_output))[:, :: -(-len(network) // _POSITIONS) or 1]
    read = read[:, np.isfinite(read).all(axis=0)]
    ratio = read[1] - read[0]
    features = np.stack((np.ones_like(ratio), *read[2:]), axis=1)
    start = numbers = np.array(GateFit())
    damping = len(ratio) / 100

    def loss(given: Floats) -> float:
        """Return minus log P of the targets, less a part that does not depend on the numbers, and the prior's part."""
        logits = features @ given
        nats = np.logaddexp(0, logits) - np.logaddexp(0, logits + ratio)
        return float(nats.sum() + ((given - start) ** 2).sum() / 2)

    least = loss(numbers)
    for _ in range(_ATTEMPTS):  # Levenberg and Marquardt: a step of Newton, and a smaller one where it does not help
        logits = features @ numbers
        share, known = _sigmoid(logits), _sigmoid(logits + ratio)  # of the counts, before and after the target is known
        slope = features.T @ (share - known) + numbers - start
        bend = (features.T * (share * (1 - share) - known * (1 - known))) @ features
        change = np.linalg.solve(bend + (1 + damping) * np.eye(len(numbers)), -slope)
        after = loss(numbers + change)
        if after > least:
            damping = max(1.0, damping) * 10
            continue
        numbers, least, damping = numbers + change, after, damping / 10
        if np.abs(change).max() < _CHANGE:
            break
    return GateFit(*map(float, numbers))


def _sigmoid(logits: Floats) -> Floats:
    return np.exp(-np.logaddexp(0, -logits))
