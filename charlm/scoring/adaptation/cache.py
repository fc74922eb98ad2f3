"""The continuous cache (Grave, Joulin & Usunier 2017, arXiv:1612.04426): what came where the state was like this one.

    P_cache(w) ∝ Σ exp(θ · h<t> · h<i>) over the places i of the cache after which w came
    P(w)       = (1 - λ) · P_network(w) + λ · P_cache(w)

h is what the last cells put out, here scaled to length 1, so that one θ suits every width. Held-out text of
tiny-shakespeare asks for this λ, of Python's standard library for 0.3, of names for 0.1.
"""

from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from charlm.nn.cells import Cell
from charlm.nn.network import Network
from charlm.nn.probability import mixture
from charlm.scoring.adaptation import Adaptation

SIZE = 2000  # places that are kept, the latest
SHARPNESS = 40.0  # θ
SHARE = 0.2  # λ


class Cache(Adaptation):
    words = "a neural cache"
    segment = 256

    def __init__(self, network: Network) -> None:
        (state, *_) = network.zero_state(1)[-1]
        H = cast(Cell, network.cells[-1]).hidden_size
        self._predictable = network.predictable
        self._states = state.new_empty(0, H)  # h<i> (n, H)
        self._followers = state.new_empty(0, dtype=torch.long)  # what came after each (n,)

    def predict(self, logprobs: Tensor, outputs: Tensor, came: Tensor) -> Tensor:
        states, followers = self._with(outputs, came)
        now = states[len(states) - len(came) :]  # (T, H)
        places = torch.arange(len(states), device=states.device)
        places_now = places[len(states) - len(came) :, None]
        seen = (places < places_now) & (places >= places_now - SIZE)  # (T, n + T)
        seen &= self._predictable[followers]  # what is impossible stays so
        likeness = (SHARPNESS * now @ states.T).masked_fill(~seen, -torch.inf)
        weights = likeness.softmax(dim=1).masked_fill(~seen, 0)  # 0 also where nothing was seen yet
        cached = logprobs.new_zeros(len(came), logprobs.shape[2]).index_add_(1, followers, weights)
        share = SHARE * seen.any(dim=1, keepdim=True)
        return mixture(logprobs, cached.unsqueeze(1), share.unsqueeze(1))

    def learn(self, logprobs: Tensor, outputs: Tensor, came: Tensor) -> None:
        states, followers = self._with(outputs, came)
        self._states, self._followers = states[-SIZE:], followers[-SIZE:]

    def _with(self, outputs: Tensor, came: Tensor) -> tuple[Tensor, Tensor]:
        """The cache and a segment after it."""
        new = functional.normalize(outputs[:, 0], dim=1)
        return torch.cat((self._states, new)), torch.cat((self._followers, came[:, 0]))
