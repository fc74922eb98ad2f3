"""SOAP (Vyas et al. 2025): Adam in the basis in which the gradients of a matrix are uncorrelated.

The matrix W (G, H) multiplies the outputs of another layer, and its gradient D has the same shape. The moving mean of
DᵀD says how the gradients of the H columns go together, and its eigenvectors Q (H, H) are directions in which they do
not. Adam scales each coordinate of D Q by itself, and the update is turned back by Qᵀ. The paper also turns the rows.

Q follows slowly: every ten steps, the gradient is added to the mean of DᵀD, and one step of orthogonal iteration brings
Q closer to its eigenvectors.
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from charlm.training.optimizers import Weight
from charlm.training.optimizers._adam import BETAS, EPSILON, Adam, gradient_of, groups_of

_TURN_EVERY = 10  # steps
_FIRST_TURNS = (1, 2, 4, 8)  # steps in which much is learned about the gradients
_NEWEST = 0.4  # share of the newest gradient in the mean of DᵀD
_STAY = 0.1  # of the mean eigenvalue: directions with less stay as they are; only rounding errors would turn them
_LEAST = 0.01  # of the mean size of a coordinate: smaller ones, which may be rounding errors, are not scaled up
_MOST_COLUMNS = 1024  # of a turned matrix; the time to find Q grows with the third power


class Soap(Adam):
    """The weights that multiply are turned, if they are not too wide. All others are updated as by AdamW."""

    def __init__(self, weights: Iterable[Weight], weight_decay: float) -> None:
        super().__init__(weights, weight_decay)
        numbers = range(len(self.weights))
        self._turned = [index for index in numbers if _is_turned(self.weights[index])]
        self._groups = groups_of(self.weights, sorted(set(numbers) - set(self._turned)))
        matrices = [self.weights[index].values for index in self._turned]
        self.correlations = [_square(each, torch.zeros) for each in matrices]  # moving means of DᵀD
        self.bases = [_square(each, torch.eye) for each in matrices]  # Q

    def tensors(self) -> dict[str, list[Tensor]]:
        return {**super().tensors(), "correlation": self.correlations, "basis": self.bases}

    @torch.no_grad()
    def step(self, rate: float) -> None:
        self.update(self._groups, rate)
        number = 1 + int(self.steps[self._turned[0]]) if self._turned else 0
        for index, correlation, basis in zip(self._turned, self.correlations, self.bases, strict=True):
            self.steps[index] += 1
            gradient = gradient_of(self.weights[index])
            if number % _TURN_EVERY == 0 or number in _FIRST_TURNS:
                correlation.lerp_(gradient.T @ gradient, _NEWEST)
                self._turn(index, correlation, basis)
            self._update(index, gradient, basis, number, rate)

    def _turn(self, index: int, correlation: Tensor, basis: Tensor) -> None:
        """Bring Q closer to the eigenvectors, and express the mean gradient in the new Q."""
        stay = _STAY * correlation.diagonal().mean()
        # On the CPU, because not every device can decompose a matrix.
        new = torch.linalg.qr((correlation @ basis + stay * basis).cpu()).Q.to(basis.device)
        self.means[index].copy_(self.means[index] @ (basis.T @ new))
        basis.copy_(new)

    def _update(self, index: int, gradient: Tensor, basis: Tensor, number: int, rate: float) -> None:
        """Update a matrix in its `number`-th step."""
        weight, mean, square = self.weights[index], self.means[index], self.squares[index]
        turned = gradient @ basis
        mean.lerp_(turned, 1 - BETAS[0])
        square.lerp_(turned.square(), 1 - BETAS[1])
        size = square.sqrt() + (_LEAST * square.mean().sqrt() + EPSILON)
        of_first_steps = math.sqrt(1 - BETAS[1] ** number) / (1 - BETAS[0] ** number)
        rate *= weight.scale
        weight.values.mul_(1 - rate * self.decay(weight))
        weight.values.addmm_(mean / size, basis.T, alpha=-rate * of_first_steps)


def _is_turned(weight: Weight) -> bool:
    return weight.multiplies and weight.values.shape[1] <= _MOST_COLUMNS


def _square(matrix: Tensor, make: Any) -> Tensor:
    """Return a matrix (H, H) for a matrix (G, H)."""
    width = matrix.shape[1]
    made: Tensor = make(width, width, dtype=matrix.dtype, device=matrix.device)
    return made
