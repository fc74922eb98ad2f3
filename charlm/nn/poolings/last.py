"""Last: the last output of the forward stack, and the first of the backward stack. Each has read the whole example."""

from torch import Tensor

from charlm.nn.poolings import Pooling, last_outputs


class Last(Pooling):
    def forward(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        return last_outputs(outputs, lengths, self.hidden_size)
