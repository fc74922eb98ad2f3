"""minGRU (Feng et al. 2024): z = σ(W_z x<t> + b_z); h̃ = W x<t> + b; h<t> = (1 − z) * h<t-1> + z * h̃.

The rows of the weights are z (the share that is *updated*), h̃.
"""

import torch
from torch import Tensor

from charlm.nn.cells import LinearRecurrentCell
from charlm.nn.native import fused


class MinGRU(LinearRecurrentCell):
    gates = 2
    loop = fused.Loop("mingru", saved=2)
    forget_gate = (0, -1)

    def gate_activations(self, projected: Tensor, before: Tensor) -> dict[str, Tensor]:
        return {"z": torch.sigmoid(projected[..., : self.hidden_size])}

    def coefficients(self, projected: Tensor) -> tuple[Tensor, Tensor]:
        update, candidate = projected.chunk(2, dim=-1)
        return torch.sigmoid(-update), torch.sigmoid(update) * candidate
