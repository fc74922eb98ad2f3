"""Local steps: each process trains by itself, and after every few steps all of them take the mean of their weights.

This is local stochastic gradient descent (Stich 2019), with the optimizer of the run. DiLoCo (Douillard et al. 2023)
applies the mean through an outer optimizer with momentum, which was worse in the short runs of benchmarks/README.md.
"""

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from charlm.training.distributed import Group

_OPTIMIZERS = "local.optimizers"


class LocalSteps:
    """The steps of this process since the last mean of `parameters` over the processes of `group`.

    optimizer: the tensors of this process's own optimizer, by name.
    """

    def __init__(self, parameters: Iterable[Tensor], optimizer: Mapping[str, Tensor], group: Group) -> None:
        self.parameters, self.optimizer, self.group = list(parameters), optimizer, group
        self.forget()

    def forget(self) -> None:
        """Begin a new round of steps."""
        self._loss, self._targets = 0.0, 0

    def record(self, loss: float, targets: int) -> None:
        """Record a step: the mean loss over a number of targets."""
        self._loss += loss * targets
        self._targets += targets

    @torch.no_grad()
    def average(self) -> bool:
        """Replace the weights by their mean over the processes, weighted by their numbers of targets.

        Return False, and keep the weights, if the loss or a weight of any process is not finite.
        """
        for weight in self.parameters:
            weight.grad = weight.detach()
        targets = max(1, self._targets)
        loss = self.group.average_gradients(self.parameters, self._loss / targets, targets)
        self.forget()
        means = [weight.grad for weight in self.parameters if weight.grad is not None]
        if not math.isfinite(loss + float(torch.nn.utils.get_total_norm(means))):
            return False
        for weight, mean in zip(self.parameters, means, strict=True):
            weight.copy_(mean)
        return True

    def gather(self) -> dict[str, Tensor]:
        """Return the tensors of the optimizers of all processes, (P, N), by name. All processes must call this."""
        own = torch.cat([each.flatten() for each in self.optimizer.values()])
        return {_OPTIMIZERS: self.group.gather_rows(own[None])}

    def own(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return a state with this process's optimizer under the names of a run without local steps.

        If another number of processes has saved the state, every process continues with the optimizer of the first.
        Raises ValueError if the state has none.
        """
        rest = dict(tensors)
        optimizers = rest.pop(_OPTIMIZERS, torch.zeros(0))
        sizes = [each.numel() for each in self.optimizer.values()]
        if optimizers.dim() != 2 or not len(optimizers) or optimizers.shape[1] != sum(sizes):
            raise ValueError(f"{_OPTIMIZERS} has the shape {tuple(optimizers.shape)}")
        same = len(optimizers) == self.group.size
        mine = optimizers[self.group.rank if same else 0]
        parts = zip(self.optimizer.items(), torch.split(mine, sizes), strict=True)
        return {**rest, **{name: part.view(own.shape) for (name, own), part in parts}}
