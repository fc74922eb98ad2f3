"""Dense: a logit for each symbol, W h + b; or E h + b, with the table E of the embedding (Press & Wolf 2017)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from charlm.nn.readouts import Readout, Table


class Dense(Readout):
    def __init__(self, hidden_size: int, vocabulary_size: int, shared: Table | None = None) -> None:
        super().__init__(hidden_size, vocabulary_size, shared)
        self._shared = shared
        if shared is None:
            drawn = nn.Linear(hidden_size, vocabulary_size)
            self.weight, self.bias = drawn.weight, drawn.bias
        else:
            self.bias = nn.Parameter(torch.zeros(vocabulary_size))

    def rows(self) -> Tensor:
        return self._shared() if self._shared else self.weight

    def linear(self, predictable: Tensor) -> tuple[Tensor, Tensor]:
        return self.rows(), torch.where(predictable, self.bias, -torch.inf)

    def logits(self, outputs: Tensor, predictable: Tensor) -> Tensor:
        return functional.linear(outputs, *self.linear(predictable))

    def target_log_probability(self, outputs: Tensor, targets: Tensor, predictable: Tensor) -> Tensor:
        return -functional.cross_entropy(self.logits(outputs, predictable), targets, reduction="none")
