"""Dynamic evaluation (Krause et al. 2018, arXiv:1709.07432): gradient descent on the text that was just read.

    θ ← θ - η · g / (√v + ε) + λ · (θ₀ - θ)

g is the gradient of a segment's negative log-likelihood, v the mean of g², and θ₀ the trained weights. The paper takes
v from the training text. A model does not store it, so here v is the mean over the segments read so far. This η is the
best of 1e-4 to 1e-3 on held-out text of tiny-shakespeare, Python's standard library and names together; source code,
which repeats itself more, would prefer two or three times as much.
"""

import torch
from torch import Tensor

from charlm.nn.network import Network
from charlm.nn.probability import target_log_probability
from charlm.scoring.adaptation import Adaptation

RATE = 3e-4  # η
DECAY = 1e-3  # λ
_SMALL = 1e-8  # ε


class Dynamic(Adaptation):
    """Training that goes on while the model reads."""

    order = 10
    flag = "Continue training on the text as it is read: dynamic evaluation (Krause et al. 2018)."
    words = "dynamic evaluation"
    segment = 20
    by_gradient = True

    def __init__(self, network: Network) -> None:
        self._predictable = network.allowed_tokens
        self._weights = list(network.parameters())
        self._trained = [weight.detach().clone() for weight in self._weights]
        self._squares = [torch.zeros_like(weight) for weight in self._trained]
        self._segments = 0

    def learn(self, logprobs: Tensor, outputs: Tensor, targets: Tensor) -> None:
        # No step makes an impossible token likelier.
        known = target_log_probability(logprobs, targets)[self._predictable[targets]]
        if not len(known):
            return
        gradients = torch.autograd.grad(-known.sum() / self.segment, self._weights, materialize_grads=True)
        self._segments += 1
        with torch.no_grad():
            parts = zip(self._weights, self._trained, self._squares, gradients, strict=True)
            for weight, trained, squares, gradient in parts:
                squares.addcmul_(gradient, gradient)
                mean = (squares / self._segments).sqrt_().add_(_SMALL)
                weight.lerp_(trained, DECAY).addcdiv_(gradient, mean, value=-RATE)
