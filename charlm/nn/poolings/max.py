"""Max: the largest number at each unit."""

from torch import Tensor

from charlm.nn.poolings import Pooling, largest_output


class Max(Pooling):
    def forward(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        return largest_output(outputs, lengths)
