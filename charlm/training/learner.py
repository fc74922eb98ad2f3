"""One training step: truncated backpropagation through time, gradient clipping, AdamW."""

import copy
import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from charlm.config import TrainConfig
from charlm.data.windows import Batch
from charlm.nn.native.library import resolve_precision
from charlm.nn.network import Network, NetworkState, check_tensors, detach, join, select
from charlm.training.distributed import ALONE, Group

_BETAS = (0.9, 0.99)
_EPSILON = 1e-8
# The weights kept are a moving average over the end of the run (Polyak & Juditsky 1992): it smooths the last noise out.
_AVERAGE_FROM = 0.6  # share of the run
_AVERAGE_EVERY = 5  # steps
_AVERAGE_DECAY = 0.95
_LOGITS = 2**24  # numbers of which there are a few kinds at once, at most: of a large vocabulary a part of the targets


class AdamW:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019): the state for torch's fused update.

    torch.optim.AdamW does the same, but its first use imports a compiler, which costs more than a second.
    """

    def __init__(self, parameters: Iterable[Tensor], weight_decay: float) -> None:
        self.weight_decay = weight_decay  # of matrices
        self.parameters = list(parameters)
        self.means = [torch.zeros_like(each) for each in self.parameters]  # of the gradient
        self.squares = [torch.zeros_like(each) for each in self.parameters]  # mean of its square
        self.steps = [torch.zeros((), device=each.device) for each in self.parameters]

    def tensors(self) -> dict[str, list[Tensor]]:
        """All that the next steps depend on; of each a tensor for every parameter."""
        return {"mean": self.means, "square": self.squares, "steps": self.steps}

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Update every parameter by its gradient."""
        for matrices in (True, False):
            chosen = [place for place, each in enumerate(self.parameters) if (each.dim() >= 2) == matrices]
            adamw(
                [self.parameters[place] for place in chosen],
                [self.parameters[place].grad for place in chosen],  # type: ignore[misc]  # all have one
                [self.means[place] for place in chosen],
                [self.squares[place] for place in chosen],
                [],
                [self.steps[place] for place in chosen],
                fused=True,
                amsgrad=False,
                beta1=_BETAS[0],
                beta2=_BETAS[1],
                lr=rate,
                weight_decay=self.weight_decay if matrices else 0.0,
                eps=_EPSILON,
                maximize=False,
            )


class Learner:
    """A network, its optimizer, and the state it carries from window to window.

    `best_guess` is the network to validate and to keep. The other processes of the `group` have the same network, and
    other rows of each batch.
    """

    def __init__(self, network: Network, config: TrainConfig, group: Group = ALONE) -> None:
        self.network = network.train()
        if config.freeze_embedding:
            network.embedding.requires_grad_(False)
        network.operands = getattr(torch, resolve_precision(config.precision, network.device))
        self.best_guess = network
        self.clip = config.clip
        self.group = group
        self.parts = 1  # a batch is taken in so many, one after the other
        self.state: NetworkState | None = None
        self._after: NetworkState | None = None  # the state, once the step is taken
        self.optimizer = AdamW(
            (each for each in network.parameters() if each.requires_grad), config.weight_decay or 0.0
        )

    def tensors(self) -> dict[str, Tensor]:
        """All that the next steps depend on, by name, with the state of all rows of a batch, whichever process has
        them; other memory is the learner's own."""
        return self._named(tuple(tuple(map(self.group.joined, layer)) for layer in self.state or ()))

    def nbytes(self) -> int:
        """Of these, as far as this process has them."""
        return sum(tensor.nbytes for tensor in self._named(self.state or ()).values())

    def _named(self, state: NetworkState) -> dict[str, Tensor]:
        found = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        if self.best_guess is not self.network:
            found |= {f"average.{name}": tensor for name, tensor in self.best_guess.state_dict().items()}
        for name, tensors in self.optimizer.tensors().items():
            found |= {f"optimizer.{name}.{place}": tensor for place, tensor in enumerate(tensors)}
        for layer, parts in enumerate(state):
            found |= {f"state.{layer}.{place}": part for place, part in enumerate(parts)}
        return found

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `tensors` returned, for a network of the same shape. Raises ValueError for anything else."""
        averaged = any(name.startswith("average.") for name in tensors)
        self.best_guess = copy.deepcopy(self.network) if averaged else self.network
        parts = [tensor for name, tensor in tensors.items() if name.startswith("state.") and tensor.numel()]
        state = self.network.zero_state(len(parts[0])) if parts else ()
        mine = self._named(state)
        check_tensors(tensors, mine)
        with torch.no_grad():
            for name, tensor in tensors.items():
                mine[name].copy_(tensor)
        rows = self.group.rows(len(parts[0])) if parts else slice(0)
        self.state = tuple(tuple(part[rows] for part in layer) for layer in state) or None

    def learn(self, batch: Batch, rate: float) -> tuple[float, float]:
        """Take one step; returns the loss (nats per token) and the norm of the gradient before clipping.

        Where either is not finite nothing is changed.
        """
        loss, norm = self.gradient(batch)
        if math.isfinite(loss + norm):
            self.update(rate)
        return loss, norm

    def gradient(self, batch: Batch) -> tuple[float, float]:
        """The first half of `learn`, which may be interrupted at any moment: nothing that counts is changed by it."""
        loss, self._after = self._gradients(batch)
        loss = self.group.average(self.network.parameters(), loss, batch.inputs.shape[1])
        return loss, float(torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.clip))

    def update(self, rate: float) -> None:
        """The second half, for the batch whose gradient was taken last."""
        self.optimizer.step(rate)
        self.state = self._after

    def fit_memory(self, batch: Batch) -> None:
        """Find out, by a trial that changes nothing else, in how many `parts` a batch fits into the device's memory.

        Raises torch.OutOfMemoryError where not even one row does.
        """
        while True:
            try:
                self._gradients(batch)
                return
            except torch.OutOfMemoryError:
                if self.parts >= batch.inputs.shape[1]:
                    raise
                self.parts *= 2
            finally:
                self.network.zero_grad()

    def _gradients(self, batch: Batch) -> tuple[float, NetworkState]:
        """Leave the gradient of the loss at the parameters, summed up over the parts; the loss, and the state after."""
        device = self.network.device
        rows = batch.inputs.shape[1]
        self.network.zero_grad()
        total, states = 0.0, []
        for some in torch.arange(rows, device=device).chunk(self.parts):
            part = slice(int(some[0]), int(some[-1]) + 1)
            resets = None if batch.resets is None else batch.resets[:, part].to(device)
            before = None if batch.fresh or self.state is None else select(self.state, some)
            outputs, after = self.network.outputs(batch.inputs[:, part].to(device), before, resets)
            total += self._backward(
                outputs.flatten(0, 1), batch.targets[:, part].to(device).flatten(), len(some) / rows
            )
            states.append(detach(after))
        return total, join(states)

    def _backward(self, outputs: Tensor, targets: Tensor, share: float) -> float:
        """Leave the gradient of the mean loss of outputs (N, H) and targets (N,), times `share`; returns that product.

        The readout goes there and back for a number of them after the other, so that never all logits are in memory.
        """
        total, leaves = 0.0, outputs.detach().requires_grad_()
        at_once = max(1, _LOGITS // self.network.predictable.numel())
        for some, came in zip(torch.split(leaves, at_once), torch.split(targets, at_once), strict=True):
            loss = -self.network.log_probability(some, came).sum() * (share / len(targets))
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.item()
        # outputs.backward(leaves.grad) does the same, but its first use imports a compiler.
        (outputs * leaves.grad).sum().backward()  # type: ignore[operator, no-untyped-call]
        return total

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
