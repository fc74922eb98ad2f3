"""GRU (Cho et al. 2014) as in cuDNN and PyTorch: the reset gate is applied after the product.

    Γr, Γu = σ(W_· x<t> + W'_· c<t-1> + b_·)
    c̃      = tanh(W_x x<t> + b + Γr * (W_c c<t-1> + b'))
    c<t>   = Γu * c̃ + (1 − Γu) * c<t-1>

The rows of the weights have torch's order r, z, n: r = Γr, n = c̃, and z = 1 − Γu is the share that is *kept*.
"""

import torch
from torch import Tensor
from torch.nn import functional

from charlm.nn import gpu_loops
from charlm.nn.cells import RecurrentCell, State
from charlm.nn.native import fused


class GRU(RecurrentCell):
    gates = 3
    loop = fused.Loop("gru", saved=4, apart=True)
    fused_step = gpu_loops.FusedGRU
    torch_function = staticmethod(torch.gru)
    forget_gate = (1, 1)

    def gate_activations(self, projected: Tensor, before: Tensor) -> dict[str, Tensor]:
        gates = 2 * self.hidden_size  # rows
        recurrent = functional.linear(before, self.weight_hh[:gates], self.bias_hh[:gates])
        r, z = torch.sigmoid(projected[..., :gates] + recurrent).chunk(2, dim=-1)
        return {"Γr": r, "Γu": 1 - z}

    def step(self, projected: Tensor, state: State) -> tuple[Tensor, State]:
        (c,) = state
        recurrent = torch.addmm(self.bias_hh, c, self.weight_hh.t())
        H = self.hidden_size
        r, z = torch.sigmoid(projected[:, : 2 * H] + recurrent[:, : 2 * H]).chunk(2, dim=1)
        n = torch.tanh(torch.addcmul(projected[:, 2 * H :], r, recurrent[:, 2 * H :]))
        c = torch.lerp(n, c, z)
        return c, (c,)
