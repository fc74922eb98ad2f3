"""Fit the gate of a network beside counts to text that neither has learned from.

On the text that it has learned, the network predicts better than on other text. So a gate that is trained there trusts
it too much. Here, the logit of the gate becomes b<m> + a · G[m, k, d] + c · u · h<t> / H, where a, c, and a b<m> for
each length of context give the held-out text the highest probability. Letters: as in `mixed.py`.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_ATTEMPTS = 50
_CHANGE = 1e-4  # of each number; a smaller one ends the fit

Floats = NDArray[np.float64]


class GateFit(NamedTuple):
    """How the gate changes: what is added to its logit, and what multiplies both parts of it."""

    shifts: tuple[float, ...] = (0.0,)  # b<m> from m = 0; the last one also counts for longer contexts
    by_context: float = 1.0  # a
    by_output: float = 1.0  # c

    def shifts_at(self, depths: NDArray[Any]) -> Floats:
        """Return b<m> for each length of context."""
        shifts: Floats = np.array(self.shifts)[np.minimum(depths, len(self.shifts) - 1).astype(np.int64)]
        return shifts

    def logit(self, depths: Floats, by_context: Floats, by_output: Floats) -> Floats:
        """Return the logit of the gate from the lengths of the contexts and both parts of it before the change."""
        return self.shifts_at(depths) + self.by_context * by_context + self.by_output * by_output


def fit_gate(network: Floats, counts: Floats, depths: Floats, by_context: Floats, by_output: Floats) -> GateFit:
    """Return the fit for log P of each target by both parts, the length of its context, and the two parts of the gate's
    logit: each is (N,).

    Each b<m> is the sum of a number for all lengths and one of its own. A normal prior with a standard deviation of 1
    keeps all numbers near those of no change where there is little text.
    """
    read = np.stack((network, counts, depths, by_context, by_output))
    read = read[:, np.isfinite(read).all(axis=0)]
    ratio = read[1] - read[0]
    own = read[2][:, None] == np.arange(read[2].max(initial=-1) + 1)
    features = np.column_stack((np.ones_like(ratio), own, *read[3:]))
    start = numbers = np.array((*np.zeros(1 + own.shape[1]), *GateFit()[1:]))
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
    shift, *own_shifts, a, c = map(float, numbers)
    return GateFit((*(shift + each for each in own_shifts), shift), a, c)


def _sigmoid(logits: Floats) -> Floats:
    return np.exp(-np.logaddexp(0, -logits))
