"""One training step: truncated backpropagation through time, gradient clipping, AdamW."""

import copy

import torch
from torch.nn import functional

from charlm.batches import Batch
from charlm.network import Network, NetworkState, detach

_BETAS = (0.9, 0.99)
_WEIGHT_DECAY = 0.01  # of matrices; biases are left alone
# The weights kept are a moving average over the end of the run (Polyak & Juditsky 1992): it smooths the last noise out.
_AVERAGE_FROM = 0.6  # share of the run
_AVERAGE_EVERY = 5  # steps
_AVERAGE_DECAY = 0.95


class Learner:
    """A network, its optimizer, and the state it carries from window to window.

    `best_guess` is the network to validate and to keep.
    """

    def __init__(self, network: Network, clip: float) -> None:
        self.network = network.train()
        self.best_guess = network
        self.clip = clip
        self.state: NetworkState | None = None
        parameters = list(network.parameters())
        groups = [
            {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": _WEIGHT_DECAY},
            {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, betas=_BETAS, fused=True)

    def learn(self, batch: Batch, rate: float) -> tuple[float, float]:
        """Take one step; returns the loss (nats per token) and the norm of the gradient before clipping."""
        device = self.network.readout.weight.device
        resets = None if batch.resets is None else batch.resets.to(device)
        state = None if batch.fresh else self.state
        logits, state = self.network(batch.inputs.to(device), state, resets)
        loss = functional.cross_entropy(logits.flatten(0, 1), batch.targets.to(device).flatten())
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.state = detach(state)
        return float(loss.detach()), float(norm)

    @torch.no_grad()
    def average(self, step: int, share: float) -> None:
        """After every step: once far enough in the run, let `best_guess` follow the weights."""
        if share < _AVERAGE_FROM or step % _AVERAGE_EVERY:
            return
        if self.best_guess is self.network:
            self.best_guess = copy.deepcopy(self.network)
        pairs = zip(self.best_guess.parameters(), self.network.parameters(), strict=True)
        for average, weight in pairs:
            average.lerp_(weight, 1 - _AVERAGE_DECAY)
