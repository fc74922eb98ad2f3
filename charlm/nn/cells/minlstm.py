"""minLSTM (Feng et al. 2024).

    f, i = σ(W_· x<t> + b_·);  f' = f / (f + i);  i' = i / (f + i)
    h<t> = f' * h<t-1> + i' * (W x<t> + b)

The rows of the weights are f, i, h̃ = W x<t> + b. The quotients are computed as f' = σ(log f − log i) and i' = 1 − f',
because f and i may both underflow.
"""

import torch
from torch import Tensor
from torch.nn import functional

from charlm.nn.cells import LinearRecurrentCell
from charlm.nn.native import fused


class MinLSTM(LinearRecurrentCell):
    gates = 3
    loop = fused.Loop("minlstm", saved=4)
    forget_gate = (0, 1)

    def gate_activations(self, projected: Tensor, before: Tensor) -> dict[str, Tensor]:
        return {"f'": self.coefficients(projected)[0]}

    def coefficients(self, projected: Tensor) -> tuple[Tensor, Tensor]:
        f, i, candidate = projected.chunk(3, dim=-1)
        log_ratio = functional.logsigmoid(f) - functional.logsigmoid(i)
        return torch.sigmoid(log_ratio), torch.sigmoid(-log_ratio) * candidate
