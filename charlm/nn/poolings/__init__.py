"""The contract of a pooling, which turns the outputs of an example into one vector, for one answer.

Padding never counts. Letters: T time, B batch, H hidden, D the width of an output: H, or 2 H with both directions.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from charlm.nn.encoder import mask_of


class Pooling(nn.Module, ABC):
    """A pooling of outputs of width D, of which the forward stack has the first H.

    `width` is the width of its vector. Each row has at least one step.
    """

    width: int

    def __init__(self, input_width: int, hidden_size: int) -> None:
        super().__init__()
        self.width = input_width
        self.hidden_size = hidden_size

    @abstractmethod
    def forward(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Return a vector for each row from outputs (T, B, D) and the number of its steps: (B,) → (B, width)."""


def last_outputs(outputs: Tensor, lengths: Tensor, hidden_size: int) -> Tensor:
    """Return what each stack has seen the whole example with: the last forward and the first backward output (B, D)."""
    rows = torch.arange(outputs.shape[1], device=outputs.device)
    forward = outputs[lengths - 1, rows, :hidden_size]
    return torch.cat((forward, outputs[0, :, hidden_size:]), dim=1)


def mean_output(outputs: Tensor, lengths: Tensor) -> Tensor:
    """Return the mean over the steps of each row: (B, D)."""
    mask = mask_of(lengths, len(outputs)).unsqueeze(2)
    return outputs.masked_fill(~mask, 0.0).sum(0) / lengths[:, None]


def largest_output(outputs: Tensor, lengths: Tensor) -> Tensor:
    """Return the largest number at each unit over the steps of each row: (B, D)."""
    mask = mask_of(lengths, len(outputs)).unsqueeze(2)
    return outputs.masked_fill(~mask, -torch.inf).amax(0)
