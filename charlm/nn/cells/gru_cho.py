"""Full GRU as in the notes, the reset gate before the product (Cho 2014).

    Γr, Γu = σ(W_· [c<t-1>, x<t>] + b_·)
    c̃      = tanh(W_c [Γr * c<t-1>, x<t>] + b_c)
    c<t>   = Γu * c̃ + (1 − Γu) * c<t-1>

Rows: Γr, then Γu, the share that is *updated*, then c̃. Two products a step, one waiting for the other.
"""

import torch
from torch import Tensor
from torch.nn import functional

from charlm.nn.cells import Looped, State


class ChoGRU(Looped):
    gates = 3
    keeping = (1, -1)

    def opened(self, projected: Tensor, before: Tensor) -> dict[str, Tensor]:
        gates = 2 * self.hidden_size  # rows
        recurrent = functional.linear(before, self.weight_hh[:gates], self.bias_hh[:gates])
        reset, update = torch.sigmoid(projected[..., :gates] + recurrent).chunk(2, dim=-1)
        return {"Γr": reset, "Γu": update}

    def step(self, projected: Tensor, state: State) -> tuple[Tensor, State]:
        (c,) = state
        gates = 2 * self.hidden_size  # rows
        recurrent = torch.addmm(self.bias_hh[:gates], c, self.weight_hh[:gates].t())
        reset, update = torch.sigmoid(projected[:, :gates] + recurrent).chunk(2, dim=1)
        recurrent = torch.addmm(self.bias_hh[gates:], reset * c, self.weight_hh[gates:].t())
        c = torch.lerp(c, torch.tanh(projected[:, gates:] + recurrent), update)
        return c, (c,)
