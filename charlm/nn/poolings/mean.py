"""Mean: the mean output."""

from torch import Tensor

from charlm.nn.poolings import Pooling, mean_output


class Mean(Pooling):
    def forward(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        return mean_output(outputs, lengths)
