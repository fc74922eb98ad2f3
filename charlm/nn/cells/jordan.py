"""Jordan RNN (Jordan 1986): h<t> = g(W_h o<t-1> + W_x x<t> + b), what comes back is the previous *output*.

The state is that output, a distribution: in the last layer the network's own ŷ = softmax(W_y h + b_y), V wide, by the
readout it shares with the network; in the layers below o = softmax(W_o h + b_o) by a read-out of their own, H wide.
Before the first symbol there is no output, and zeros come back. With a residual connection h + x takes the place of h
in what is read out, as it does in the network.
"""

import torch
from torch import Tensor, nn

from charlm.nn.cells import Looped, Place, State, activation_called


class Jordan(Looped):
    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        activation: str | None = None,
        place: Place = Place(),  # noqa: B008  # it cannot change
    ) -> None:
        super().__init__(input_size, hidden_size, activation, place)
        self._place = place
        if not place.logits:
            self.readout = nn.Linear(hidden_size, hidden_size)

    def returned_size(self, place: Place) -> int:
        return place.vocabulary or self.hidden_size

    def use_activation(self, name: str | None) -> None:
        self.activation = activation_called(name or "tanh")

    def project(self, x: Tensor, operands: torch.dtype = torch.float32) -> Tensor:
        """With a residual connection the input comes along: (..., E) → (..., H + E)."""
        projected = super().project(x, operands)
        return torch.cat((projected, x), dim=-1) if self._place.residual else projected

    def step(self, projected: Tensor, state: State) -> tuple[Tensor, State]:
        (o,) = state
        below, x = projected.split_with_sizes([self.hidden_size, projected.shape[1] - self.hidden_size], dim=1)
        h = self.activation(below + torch.addmm(self.bias_hh, o, self.weight_hh.t()))
        output = h + x if self._place.residual else h
        read_out = self._place.logits or self.readout
        return h, (torch.softmax(read_out(output), dim=1),)
