"""SOAP (Vyas et al. 2025): Adam in the basis in which the gradients of a matrix are uncorrelated.

The matrix W (G, H) multiplies the outputs of another layer, and its gradient D has the same shape. The moving mean of
DᵀD says how the gradients of the H columns go together, and its eigenvectors Q (H, H) are directions in which they do
not. Adam scales each coordinate of D Q by itself, and the update is turned back by Qᵀ. The paper also turns the rows.

Columns beyond 256 are turned in groups, so that the share of the time that this takes does not grow with the width.

Q follows slowly: every twenty steps, the gradient is added to the mean of DᵀD, and one step of orthogonal iteration
brings Q closer to its eigenvectors.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor

from charlm.training.optimizers import Agree, Weight
from charlm.training.optimizers._adam import BETAS, EPSILON, Adam, adam, gradient_of, groups_of

_TURN_EVERY = 20  # steps
_FIRST_TURNS = (1, 2, 4, 8, 12, 16)  # steps in which much is learned about the gradients
_NEWEST = 0.4  # share of the newest gradient in the mean of DᵀD
_STAY = 0.05  # of the mean eigenvalue: it holds directions with much less, which only rounding errors would turn
_LEAST = 0.01  # of the mean size of a coordinate: smaller ones, which may be rounding errors, are not scaled up
_MOST_COLUMNS = 256  # that are turned together


class _Columns(NamedTuple):
    """Columns of a matrix that are turned together."""

    where: slice
    correlation: Tensor  # the moving mean of DᵀD
    basis: Tensor  # Q


class Soap(Adam):
    """The weights that multiply are turned. All others are updated as by AdamW."""

    def __init__(self, weights: Iterable[Weight], weight_decay: float, agree: Agree) -> None:
        super().__init__(weights, weight_decay)
        self._agree = agree
        self._turned = {index: _columns(each.values) for index, each in enumerate(self.weights) if each.multiplies}
        others = (index for index in range(len(self.weights)) if index not in self._turned)
        self._groups = groups_of(self.weights, others)

    def tensors(self) -> dict[str, list[Tensor]]:
        columns = [each for some in self._turned.values() for each in some]
        squares = {"correlation": [each.correlation for each in columns], "basis": [each.basis for each in columns]}
        return super().tensors() | squares

    @torch.no_grad()
    def step(self, rate: float) -> None:
        number = 1 + int(self.steps[0]) if self.steps else 1  # all weights have taken the same steps
        self.update(self._groups, rate)
        for index, columns in self._turned.items():
            if number % _TURN_EVERY == 0 or number in _FIRST_TURNS:
                for each in columns:
                    self._turn(each, gradient_of(self.weights[index])[:, each.where], self.means[index][:, each.where])
            self._update(index, columns, number, rate)

    def _turn(self, columns: _Columns, gradient: Tensor, mean: Tensor) -> None:
        """Bring Q closer to the eigenvectors, and express the mean gradient in the new Q."""
        _, correlation, basis = columns
        correlation.lerp_(gradient.T @ gradient, _NEWEST)
        stay = _STAY * correlation.diagonal().mean()
        # On the CPU, because not every device can decompose a matrix.
        new = self._agree(torch.linalg.qr((correlation @ basis + stay * basis).cpu()).Q.to(basis.device))
        mean.copy_(mean @ (basis.T @ new))
        basis.copy_(new)

    def _update(self, index: int, columns: Sequence[_Columns], number: int, rate: float) -> None:
        """Update a matrix in its `number`-th step, by what Adam makes of its turned gradient."""
        weight, mean, square = self.weights[index], self.means[index], self.squares[index]
        gradient = gradient_of(weight)
        turned = torch.cat([gradient[:, each.where] @ each.basis for each in columns], 1)
        # The mean of the squares after this step. Adam divides them, and so this floor, by a factor in the first steps.
        size = math.sqrt(BETAS[1] * float(square.mean()) + (1 - BETAS[1]) * float(turned.square().mean()))
        floor = (_LEAST * size + EPSILON) / math.sqrt(1 - BETAS[1] ** number)
        update = torch.zeros_like(turned)
        rate *= weight.scale
        adam([update], [turned], [mean], [square], [self.steps[index]], rate, epsilon=floor)
        weight.values.mul_(1 - rate * self.decay(weight))
        for each in columns:
            weight.values[:, each.where].addmm_(update[:, each.where], each.basis.T)


def _columns(matrix: Tensor) -> list[_Columns]:
    """Return the columns of a matrix in groups of about the same size."""
    width = matrix.shape[1]
    number = math.ceil(width / _MOST_COLUMNS)
    edges = [width * each // number for each in range(number + 1)]
    like: dict[str, Any] = {"dtype": matrix.dtype, "device": matrix.device}
    return [
        _Columns(slice(first, end), torch.zeros(end - first, end - first, **like), torch.eye(end - first, **like))
        for first, end in pairwise(edges)
    ]
