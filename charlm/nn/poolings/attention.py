"""Attention: a mean of the outputs, with the softmax of their products with one learned query as weights."""

import torch
from torch import Tensor, nn

from charlm.nn.attention import masked_softmax
from charlm.nn.encoder import mask_of
from charlm.nn.poolings import Pooling


class Attention(Pooling):
    def __init__(self, input_width: int, hidden_size: int) -> None:
        super().__init__(input_width, hidden_size)
        self.query = nn.Parameter(torch.zeros(input_width))  # at first, all steps have the same weight

    def weights(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Return the weight of each step: (B, T)."""
        return masked_softmax((outputs @ self.query).t(), mask_of(lengths, len(outputs)).t())

    def forward(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        return torch.einsum("bt,tbd->bd", self.weights(outputs, lengths), outputs)
