"""LSTM (Hochreiter & Schmidhuber 1997, with a forget gate).

    c̃ = tanh(W_c [a<t-1>, x<t>] + b_c);  Γu, Γf, Γo = σ(W_· [a<t-1>, x<t>] + b_·)
    c<t> = Γu * c̃ + Γf * c<t-1>;  a<t> = Γo * tanh(c<t>)

Rows are stored as torch stores them: i, f, g, o with i = Γu, f = Γf, g = c̃ and o = Γo. State is (a, c).
"""

import torch
from torch import Tensor
from torch.nn import functional

from charlm.nn.cells import Looped, State
from charlm.nn.native import fused


class LSTM(Looped):
    gates = 4
    parts = 2
    rate_beside_gru = 2.0
    keeping = (1, 1)
    loop = fused.Loop("lstm", saved=5, memory=True)

    def initialize(self) -> None:
        super().initialize()
        self.bias_ih.data[self.hidden_size : 2 * self.hidden_size] = 1.0  # start by remembering (Jozefowicz 2015)

    def layer(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        before = [part[None] for part in state]
        outputs, a, c = torch.lstm(x, before, self.all_weights(), True, 1, 0.0, self.training, False, False)
        return outputs, (a[0], c[0])

    def opened(self, projected: Tensor, before: Tensor) -> dict[str, Tensor]:
        i, f, _, o = (projected + functional.linear(before, self.weight_hh, self.bias_hh)).chunk(4, dim=-1)
        return {"Γu": torch.sigmoid(i), "Γf": torch.sigmoid(f), "Γo": torch.sigmoid(o)}

    def step(self, projected: Tensor, state: State) -> tuple[Tensor, State]:
        a, c = state
        i, f, g, o = (projected + torch.addmm(self.bias_hh, a, self.weight_hh.t())).chunk(4, dim=1)
        c = torch.addcmul(torch.sigmoid(f) * c, torch.sigmoid(i), torch.tanh(g))
        a = torch.sigmoid(o) * torch.tanh(c)
        return a, (a, c)
