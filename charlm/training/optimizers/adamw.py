"""AdamW: Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

from collections.abc import Iterable

import torch

from charlm.training.optimizers import Agree, Weight
from charlm.training.optimizers._adam import Adam, groups_of


class AdamW(Adam):
    def __init__(self, weights: Iterable[Weight], weight_decay: float, agree: Agree) -> None:
        super().__init__(weights, weight_decay)
        self._groups = groups_of(self.weights, range(len(self.weights)))

    @torch.no_grad()
    def step(self, rate: float) -> None:
        self.update(self._groups, rate)
