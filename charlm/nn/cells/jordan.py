"""Jordan RNN (Jordan 1986): h<t> = g(W_h o<t-1> + W_x x<t> + b). The previous *output* is fed back.

The state is that output, a distribution. In the last layer it is the network's own ŷ = softmax(W_y h + b_y), V wide,
from the network's readout. In the layers below it is o = softmax(W_o h + b_o), H wide, from a readout of the layer.
A network that predicts numbers feeds them back unchanged. At the start of a sequence the state is zeros. With a
residual connection the readout reads h + x in place of h, as the network's readout does.
"""

import torch
from torch import Tensor, nn

from charlm.nn.cells import LayerContext, RecurrentCell, State, find_activation


class Jordan(RecurrentCell):
    gates = 1
    takes_activation = True

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        activation: str | None = None,
        context: LayerContext = LayerContext(),  # noqa: B008  # a default that cannot change
    ) -> None:
        super().__init__(input_size, hidden_size, activation, context)
        self._context = context
        self.feeds_tokens_back = bool(context.vocabulary and not context.numbers)
        if not context.logits:
            self.readout = nn.Linear(hidden_size, hidden_size)

    def state_width(self, context: LayerContext) -> int:
        return context.vocabulary or self.hidden_size

    def set_activation(self, name: str | None) -> None:
        self.activation = find_activation(name or "tanh")

    def project(self, x: Tensor, compute_dtype: torch.dtype = torch.float32) -> Tensor:
        """Return W_x x + b, with x appended if the layer has a residual connection: (..., E) → (..., H + E).

        `step` needs x, and receives the projected input only.
        """
        projected = super().project(x, compute_dtype)
        return torch.cat((projected, x), dim=-1) if self._context.residual else projected

    def step(self, projected: Tensor, state: State) -> tuple[Tensor, State]:
        (o,) = state
        projected_h, x = projected.split_with_sizes([self.hidden_size, projected.shape[1] - self.hidden_size], dim=1)
        h = self.activation(projected_h + torch.addmm(self.bias_hh, o, self.weight_hh.t()))
        output = h + x if self._context.residual else h
        answer = (self._context.logits or self.readout)(output)
        return h, (answer if self._context.numbers else torch.softmax(answer, dim=1),)
