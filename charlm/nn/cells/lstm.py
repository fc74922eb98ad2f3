"""LSTM (Hochreiter & Schmidhuber 1997) with a forget gate (Gers et al. 2000).

    c̃ = tanh(W_c [a<t-1>, x<t>] + b_c);  Γu, Γf, Γo = σ(W_· [a<t-1>, x<t>] + b_·)
    c<t> = Γu * c̃ + Γf * c<t-1>;  a<t> = Γo * tanh(c<t>)

The rows of the weights have torch's order i, f, g, o: i = Γu, f = Γf, g = c̃, o = Γo. The state is (a, c).
"""

import torch
from torch import Tensor
from torch.nn import functional

from charlm.nn import gpu_loops
from charlm.nn.cells import RecurrentCell, State
from charlm.nn.native import fused


class LSTM(RecurrentCell):
    gates = 4
    state_tensors = 2
    learning_rate_scale = 2.0
    forget_gate = (1, 1)
    loop = fused.Loop("lstm", saved=5, memory=True)
    fused_step = gpu_loops.FusedLSTM
    torch_function = staticmethod(torch.lstm)

    def initialize(self) -> None:
        super().initialize()
        self.bias_ih.data[self.hidden_size : 2 * self.hidden_size] = 1.0  # f is open at first (Jozefowicz et al. 2015)

    def gate_activations(self, projected: Tensor, before: Tensor) -> dict[str, Tensor]:
        i, f, _, o = (projected + functional.linear(before, self.weight_hh, self.bias_hh)).chunk(4, dim=-1)
        return {"Γu": torch.sigmoid(i), "Γf": torch.sigmoid(f), "Γo": torch.sigmoid(o)}

    def step(self, projected: Tensor, state: State) -> tuple[Tensor, State]:
        a, c = state
        i, f, g, o = (projected + torch.addmm(self.bias_hh, a, self.weight_hh.t())).chunk(4, dim=1)
        c = torch.addcmul(torch.sigmoid(f) * c, torch.sigmoid(i), torch.tanh(g))
        a = torch.sigmoid(o) * torch.tanh(c)
        return a, (a, c)
