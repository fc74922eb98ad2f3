"""minLSTM (Feng 2024): f, i = σ(W_· x<t> + b_·); f' = f/(f+i); i' = i/(f+i); h<t> = f' * h<t-1> + i' * (W x<t> + b).

Rows: f, i, then h̃ = W x<t> + b. The quotients are taken as f' = σ(log f − log i) and i' = 1 − f', since f and i may
both be too small for a float.
"""

import torch
from torch import Tensor
from torch.nn import functional

from charlm.nn.cells import Scanned


class MinLSTM(Scanned):
    gates = 3
    keeping = (0, 1)

    def opened(self, projected: Tensor, before: Tensor) -> dict[str, Tensor]:
        return {"f'": self.coefficients(projected)[0]}

    def coefficients(self, projected: Tensor) -> tuple[Tensor, Tensor]:
        f, i, candidate = projected.chunk(3, dim=-1)
        more = functional.logsigmoid(f) - functional.logsigmoid(i)
        return torch.sigmoid(more), torch.sigmoid(-more) * candidate
