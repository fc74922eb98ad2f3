"""Neural cache (Grave, Joulin & Usunier 2017, arXiv:1612.04426): raise the tokens that followed similar states.

    P_cache(w) ∝ Σ exp(θ · h<t> · h<i>) over the positions i in the cache that w followed
    P(w)       = (1 - λ) · P_network(w) + λ · P_cache(w)

h is the output of the last cell, scaled to length 1, so that one θ suits every width. This λ is the best on held-out
text of tiny-shakespeare; on Python's standard library 0.3 is better, and on names 0.1.
"""

from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from charlm.nn.cells import Cell
from charlm.nn.network import Network
from charlm.nn.probability import mixture
from charlm.scoring.adaptation import Adaptation

SIZE = 2000  # latest positions to keep
SHARPNESS = 40.0  # θ
SHARE = 0.2  # λ


class Cache(Adaptation):
    """Cache of the latest states and the tokens that followed them."""

    order = 20
    flag = "Mix in a neural cache of recent tokens (Grave et al. 2017)."
    flag_name = "neural-cache"
    former_flag_name = "cache"
    words = "a neural cache"
    segment = 256

    def __init__(self, network: Network) -> None:
        like, H = cast(Cell, network.cells[-1]).weight_ih, network.hidden_size
        self._predictable = network.allowed_tokens
        self._states = like.new_empty(0, H)  # h<i> (n, H)
        self._followers = like.new_empty(0, dtype=torch.long)  # the token that followed each state (n,)

    def predict(self, logprobs: Tensor, outputs: Tensor, targets: Tensor) -> Tensor:
        states, followers = self._with(outputs, targets)
        current = states[len(states) - len(targets) :]  # (T, H)
        positions = torch.arange(len(states), device=states.device)
        current_positions = positions[len(states) - len(targets) :, None]
        seen = (positions < current_positions) & (positions >= current_positions - SIZE)  # (T, n + T)
        seen &= self._predictable[followers]  # an impossible token stays impossible
        similarity = (SHARPNESS * current @ states.T).masked_fill(~seen, -torch.inf)
        weights = similarity.softmax(dim=1).masked_fill(~seen, 0)  # 0 also if nothing was seen yet
        cached = logprobs.new_zeros(len(targets), logprobs.shape[2]).index_add_(1, followers, weights)
        share = SHARE * seen.any(dim=1, keepdim=True)
        return mixture(logprobs, cached.unsqueeze(1), share.unsqueeze(1))

    def learn(self, logprobs: Tensor, outputs: Tensor, targets: Tensor) -> None:
        states, followers = self._with(outputs, targets)
        self._states, self._followers = states[-SIZE:], followers[-SIZE:]

    def _with(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cache with a segment appended."""
        new = functional.normalize(outputs[:, 0], dim=1)
        return torch.cat((self._states, new)), torch.cat((self._followers, targets[:, 0]))
