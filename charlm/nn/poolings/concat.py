"""Concat: last, mean and largest output, one after the other (Howard & Ruder 2018)."""

import torch
from torch import Tensor

from charlm.nn.poolings import Pooling, largest_output, last_outputs, mean_output


class Concat(Pooling):
    def __init__(self, input_width: int, hidden_size: int) -> None:
        super().__init__(input_width, hidden_size)
        self.width = 3 * input_width

    def forward(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        parts = last_outputs(outputs, lengths, self.hidden_size), mean_output(outputs, lengths)
        return torch.cat((*parts, largest_output(outputs, lengths)), dim=1)
