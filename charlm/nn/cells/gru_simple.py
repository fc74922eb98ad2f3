"""Simplified GRU: an update gate and no reset gate.

    Γu   = σ(W_u [c<t-1>, x<t>] + b_u)
    c̃    = tanh(W_c [c<t-1>, x<t>] + b_c)
    c<t> = Γu * c̃ + (1 − Γu) * c<t-1>

The rows of the weights are Γu (the share that is *updated*), c̃.
"""

import torch
from torch import Tensor
from torch.nn import functional

from charlm.nn.cells import RecurrentCell, State
from charlm.nn.native import fused


class SimpleGRU(RecurrentCell):
    gates = 2
    loop = fused.Loop("gru_simple", saved=2)
    forget_gate = (0, -1)

    def gate_activations(self, projected: Tensor, before: Tensor) -> dict[str, Tensor]:
        H = self.hidden_size
        recurrent = functional.linear(before, self.weight_hh[:H], self.bias_hh[:H])
        return {"Γu": torch.sigmoid(projected[..., :H] + recurrent)}

    def step(self, projected: Tensor, state: State) -> tuple[Tensor, State]:
        (c,) = state
        update, candidate = (projected + torch.addmm(self.bias_hh, c, self.weight_hh.t())).chunk(2, dim=1)
        c = torch.lerp(c, torch.tanh(candidate), torch.sigmoid(update))
        return c, (c,)
