"""Elman RNN (Elman 1990): h<t> = g(W_h h<t-1> + W_x x<t> + b), g = tanh, relu, sigmoid or identity."""

from collections.abc import Callable

import torch
from torch import Tensor

from charlm.cells import Cell, State
from charlm.errors import UnknownNameError
from charlm.native import fused

# In the order of recurrence.h.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "identity": torch.clone,
}


class RNN(Cell):
    gates = 1

    def use_activation(self, name: str | None) -> None:
        name = name or "tanh"
        if name not in ACTIVATIONS:
            raise UnknownNameError(f"no activation is named {name!r}; there are: {', '.join(ACTIVATIONS)}")
        self.activation = ACTIVATIONS[name]
        self._torch_layer = {"tanh": torch.rnn_tanh, "relu": torch.rnn_relu}.get(name)
        self.loop = fused.Loop("rnn", saved=0, activation=list(ACTIVATIONS).index(name))

    def layer(self, x: Tensor, state: State) -> tuple[Tensor, State] | None:
        if self._torch_layer is None:
            return None
        outputs, last = self._torch_layer(
            x, state[0][None], self.all_weights(), True, 1, 0.0, self.training, False, False
        )
        return outputs, (last[0],)

    def step(self, projected: Tensor, state: State) -> State:
        (h,) = state
        return (self.activation(projected + torch.addmm(self.bias_hh, h, self.weight_hh.t())),)
