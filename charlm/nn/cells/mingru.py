"""minGRU (Feng 2024): z = σ(W_z x<t> + b_z); h̃ = W x<t> + b; h<t> = (1 − z) * h<t-1> + z * h̃.

Rows: z, the share that is *updated*, then h̃.
"""

import torch
from torch import Tensor

from charlm.nn.cells import Scanned


class MinGRU(Scanned):
    gates = 2
    keeping = (0, -1)

    def opened(self, projected: Tensor, before: Tensor) -> dict[str, Tensor]:
        return {"z": torch.sigmoid(projected[..., : self.hidden_size])}

    def coefficients(self, projected: Tensor) -> tuple[Tensor, Tensor]:
        update, candidate = projected.chunk(2, dim=-1)
        return torch.sigmoid(-update), torch.sigmoid(update) * candidate
