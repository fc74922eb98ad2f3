"""Dense: a logit for each token, W h + b. With tied weights W is the embedding's table (Press & Wolf 2017)."""

from collections.abc import Iterator
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from charlm.errors import ConfigError
from charlm.nn.readouts import GroupedLinear, Readout, Table
from charlm.nn.rows import Rows


class Dense(Readout):
    def __init__(
        self, hidden_size: int, vocabulary_size: int, shared: Table | None = None, shortlist: int | None = None
    ) -> None:
        super().__init__(hidden_size, vocabulary_size, shared, shortlist)
        if shortlist is not None:
            raise ConfigError(f"shortlist is {shortlist:,}, but only an adaptive readout has one")
        self._shared = shared
        if shared is None:
            linear = nn.Linear(hidden_size, vocabulary_size)
            self.weight, self.bias = linear.weight, linear.bias
        else:
            self.bias = nn.Parameter(torch.zeros(vocabulary_size))

    def output_vectors(self) -> Tensor:
        return self._shared() if self._shared else self.weight

    def multiplying(self) -> Iterator[Tensor]:
        if self._shared is None:  # tokens take rows from a shared table
            yield self.weight

    def start_from(self, source: Self, rows: Rows) -> None:
        if self._shared is None:  # the embedding has taken a shared table
            self.weight.data.copy_(rows.of(source.weight.data))
        self.bias.data.copy_(rows.of(source.bias.data))

    def as_linear(self, allowed_tokens: Tensor) -> GroupedLinear:
        return GroupedLinear(self.output_vectors(), torch.where(allowed_tokens, self.bias, -torch.inf))

    def logits(self, outputs: Tensor, allowed_tokens: Tensor) -> Tensor:
        weight, bias, _ = self.as_linear(allowed_tokens)
        return functional.linear(outputs, weight, bias)

    def target_log_probability(self, outputs: Tensor, targets: Tensor, allowed_tokens: Tensor) -> Tensor:
        return -functional.cross_entropy(self.logits(outputs, allowed_tokens), targets, reduction="none")
