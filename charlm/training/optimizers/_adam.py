"""The update of Adam, by torch's fused kernel."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from charlm.training.optimizers import Optimizer, Weight

BETAS = (0.9, 0.99)
EPSILON = 1e-8


class Adam(Optimizer):
    """The state of Adam: for each weight, moving means of its gradient and of the gradient's square.

    torch.optim.AdamW computes the same update, but its first use imports a compiler, which takes more than a second.
    """

    def __init__(self, weights: Iterable[Weight], weight_decay: float) -> None:
        self.weights = list(weights)
        self.weight_decay = weight_decay
        self.means = [_zeros(each.values) for each in self.weights]
        self.squares = [_zeros(each.values) for each in self.weights]
        self.steps = [torch.zeros((), device=each.values.device) for each in self.weights]

    def tensors(self) -> dict[str, list[Tensor]]:
        return {"mean": self.means, "square": self.squares, "steps": self.steps}

    def decay(self, weight: Weight) -> float:
        """Return the weight decay of a weight: that of matrices, and 0 for the others."""
        return self.weight_decay if weight.values.dim() >= 2 else 0.0

    def update(self, groups: Iterable[Sequence[int]], rate: float) -> None:
        """Update weights by their gradients. Those of a group have the same scale and the same decay."""
        for chosen in groups:
            weights = [self.weights[index] for index in chosen]
            adam(
                [each.values for each in weights],
                [gradient_of(each) for each in weights],
                [self.means[index] for index in chosen],
                [self.squares[index] for index in chosen],
                [self.steps[index] for index in chosen],
                rate * weights[0].scale,
                decay=self.decay(weights[0]),
            )


def adam(
    values: list[Tensor],
    gradients: list[Tensor],
    means: list[Tensor],
    squares: list[Tensor],
    steps: list[Tensor],
    rate: float,
    *,
    decay: float = 0.0,
    epsilon: float = EPSILON,
) -> None:
    """Update values by their gradients, and everything that Adam knows about them, in place."""
    adamw(
        values,
        gradients,
        means,
        squares,
        [],
        steps,
        fused=True,
        amsgrad=False,
        beta1=BETAS[0],
        beta2=BETAS[1],
        lr=rate,
        weight_decay=decay,
        eps=epsilon,
        maximize=False,
    )


def groups_of(weights: Sequence[Weight], chosen: Iterable[int]) -> list[list[int]]:
    """Return the numbers of the chosen weights in groups for `update`, with the matrices first."""
    kinds = {index: (weights[index].values.dim() >= 2, weights[index].scale) for index in chosen}
    return [[index for index in kinds if kinds[index] == kind] for kind in sorted(set(kinds.values()), reverse=True)]


def gradient_of(weight: Weight) -> Tensor:
    """Return the gradient of a weight, which has one in each step."""
    assert weight.values.grad is not None
    return weight.values.grad


def _zeros(like: Tensor) -> Tensor:
    """Return zeros of the same shape. On the meta device, torch.zeros_like would import sympy."""
    return torch.zeros(like.shape, dtype=like.dtype, device=like.device)
