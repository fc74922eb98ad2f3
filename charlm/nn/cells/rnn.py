"""Elman RNN (Elman 1990): h<t> = g(W_h h<t-1> + W_x x<t> + b), where g is tanh, relu, sigmoid or identity."""

import torch
from torch import Tensor

from charlm.nn.cells import ACTIVATIONS, RecurrentCell, State, find_activation
from charlm.nn.native import fused


class RNN(RecurrentCell):
    gates = 1
    takes_activation = True

    def set_activation(self, name: str | None) -> None:
        name = name or "tanh"
        self.activation = find_activation(name)
        self.torch_function = {"tanh": torch.rnn_tanh, "relu": torch.rnn_relu}.get(name)
        self.loop = fused.Loop("rnn", saved=0, activation=list(ACTIVATIONS).index(name))

    def step(self, projected: Tensor, state: State) -> tuple[Tensor, State]:
        (h,) = state
        h = self.activation(projected + torch.addmm(self.bias_hh, h, self.weight_hh.t()))
        return h, (h,)
