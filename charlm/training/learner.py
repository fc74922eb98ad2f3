"""One training step: truncated backpropagation through time, gradient clipping, and the optimizer's update."""

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from charlm.config import TrainConfig
from charlm.nn.native.library import resolve_precision
from charlm.nn.native.threads import computing
from charlm.nn.network import NetworkState, check_tensors, detach, join, select
from charlm.nn.trainable import Trainable
from charlm.registry import find
from charlm.tasks import Batch
from charlm.training.distributed import ALONE, Group
from charlm.training.local_steps import LocalSteps
from charlm.training.optimizers import Optimizer, Weight

# The weights kept are a moving average over the end of the run (Polyak & Juditsky 1992), which smooths out the noise.
_AVERAGE_FROM = 0.6  # share of the run
_AVERAGE_EVERY = 5  # steps
_AVERAGE_DECAY = 0.95
_MAX_LOGITS_PER_CHUNK = 2**24  # bounds memory: with a large vocabulary, the readout handles the targets in chunks


class Learner:
    """A network, its optimizer, and the hidden state that it carries from window to window.

    `averaged_network` is the network to validate and to keep: the network itself, or, late in the run, a moving average
    of its weights. `micro_batches` is the number of pieces into which each batch is split to fit into memory. The other
    processes of `group` hold the same network and read other rows of each batch.
    """

    def __init__(self, network: Trainable, config: TrainConfig, group: Group = ALONE) -> None:
        self.network = network.train()
        if config.freeze_embedding:
            network.embedding.requires_grad_(False)
        if config.freeze:
            for weight in network.started_weights():
                weight.requires_grad_(False)
        network.compute_dtype = getattr(torch, resolve_precision(config.precision, network.device))
        self.averaged_network = network
        self.whole = True  # False after an update that failed halfway: the next steps cannot start from its weights
        self.clip = config.clip
        self.group = group
        self.micro_batches = 1
        self.sync_every = config.sync_every
        self._dropout = None if network.device.type == "meta" else torch.Generator(network.device)
        self.state: NetworkState | None = None
        self._next_state: NetworkState | None = None  # becomes `state` when the gradient is applied
        trained = {name: each for name, each in network.named_parameters() if each.requires_grad}
        multiply = {id(each) for each in network.multiplying()}
        weights = [
            Weight(each, network.rate_scales.get(name, 1.0), id(each) in multiply) for name, each in trained.items()
        ]
        # With local steps, the processes share their weights from time to time, and not their gradients.
        agree = (group if config.sync_every == 1 else ALONE).broadcast_tensor
        self.optimizer = find(Optimizer, config.optimizer)(weights, config.weight_decay or 0.0, agree)
        self.local = LocalSteps(trained.values(), self._of_optimizer(), group) if config.sync_every > 1 else None

    def tensors(self) -> dict[str, Tensor]:
        """Return everything that the next steps depend on, by name.

        The hidden state has the rows of all processes. Every other tensor is the learner's own memory, not a copy.
        """
        named = self._named(tuple(tuple(map(self.group.gather_rows, layer)) for layer in self.state or ()))
        if self.local is None:
            return named
        own = self._of_optimizer()  # of this process alone
        return {name: tensor for name, tensor in named.items() if name not in own} | self.local.gather()

    def nbytes(self) -> int:
        """Return the bytes of this process's share of `tensors()`."""
        return sum(tensor.nbytes for tensor in self._named(self.state or ()).values())

    def _named(self, state: NetworkState) -> dict[str, Tensor]:
        named = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        if self.averaged_network is not self.network:
            named |= {f"average.{name}": tensor for name, tensor in self.averaged_network.state_dict().items()}
        named |= self._of_optimizer()
        for layer, parts in enumerate(state):
            named |= {f"state.{layer}.{index}": part for index, part in enumerate(parts)}
        return named

    def _of_optimizer(self) -> dict[str, Tensor]:
        kinds = self.optimizer.tensors().items()
        return {f"optimizer.{name}.{index}": each for name, tensors in kinds for index, each in enumerate(tensors)}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue from what `tensors` returned for a network of the same shape; raise ValueError for anything else."""
        if self.local:
            tensors = self.local.own(tensors)
        averaged = any(name.startswith("average.") for name in tensors)
        self.averaged_network = copy.deepcopy(self.network) if averaged else self.network
        parts = [tensor for name, tensor in tensors.items() if name.startswith("state.") and tensor.numel()]
        state = self.network.zero_state(len(parts[0])) if parts else ()
        mine = self._named(state)
        check_tensors(tensors, mine)
        with torch.no_grad():
            for name, tensor in tensors.items():
                mine[name].copy_(tensor)
        rows = self.group.rows(len(parts[0])) if parts else slice(0)
        self.state = tuple(tuple(part[rows] for part in layer) for layer in state) or None
        if self.local:
            self.local.forget()

    def step(self, batch: Batch, rate: float) -> tuple[float, float]:
        """Take one step; return the loss (nats per target) and the gradient's norm before clipping.

        Change nothing if either number is not finite.
        """
        loss, norm = self.backward(batch)
        if math.isfinite(loss + norm):
            self.apply(rate)
        return loss, norm

    def backward(self, batch: Batch) -> tuple[float, float]:
        """Compute the clipped gradient; return the loss and the norm before clipping.

        This first half of `step` may be interrupted at any moment: it changes nothing that the next step depends on.
        """
        losses, self._next_state = self._accumulate(batch)
        if self.group.size > 1 and self.local is None:
            total = sum(map(float, losses), 0.0)
            losses = [self.group.average_gradients(self.network.parameters(), total, batch.weight)]
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.clip)
        # A GPU has to finish the whole step before it can tell a number, so it is asked once, at the end.
        loss = sum(map(float, losses), 0.0)
        if self.local:
            self.local.record(loss, batch.weight)
        return loss, float(norm)

    @computing()
    def apply(self, rate: float) -> None:
        """Update the weights by the gradient of the last `backward`: the second half of `step`."""
        self.whole = False
        self.optimizer.step(rate)
        self.network.bound()
        self.state = self._next_state
        self.whole = True

    def finish_step(self, step: int, progress: float, *, mean: bool) -> bool:
        """Do what follows the update of step `step`; `progress` is the share of the run that is done.

        mean: whether the step ends a round of local steps, if the run has them. Return False if the training of a
        process was not finite in this round: all processes have to return to an older state.
        """
        if self.local:
            if not mean:
                return True
            if not self.local.average():
                return False
        self.update_average(step, progress)
        return True

    def seed_dropout(self, seed: int) -> None:
        """Seed the dropout of the steps that follow."""
        assert self._dropout is not None
        self._dropout.manual_seed(seed)

    def find_micro_batches(self, batch: Batch) -> None:
        """Find the smallest number of micro-batches whose gradients fit into the device's memory.

        The trial changes nothing else. Raises torch.OutOfMemoryError if not even one row fits.
        """
        while True:
            try:
                self._accumulate(batch)
                return
            except torch.OutOfMemoryError:
                if self.micro_batches >= batch.rows:
                    raise
                self.micro_batches *= 2
            finally:
                self.network.zero_grad()

    @computing()
    def _accumulate(self, batch: Batch) -> tuple[list[Any], NetworkState | None]:
        """Add up the gradients of all micro-batches in the parameters; return parts of the loss and the next state."""
        device = self.network.device
        self.network.zero_grad()
        losses: list[Any] = []  # numbers
        states = []
        for indices in torch.arange(batch.rows).chunk(self.micro_batches):
            part = batch.part(slice(int(indices[0]), int(indices[-1]) + 1), device)
            before = None if batch.fresh or self.state is None else select(self.state, indices.to(device))
            read = self.network.read(part, before, self._dropout)
            losses += self._backward(read.outputs, read.targets, part.weight / batch.weight)
            if read.state:
                states.append(detach(read.state))
        return losses, join(states) if states else None

    def _backward(self, outputs: Tensor, targets: Tensor, share: float) -> list[Tensor]:
        """Add the gradient of `share` times the mean loss of outputs (N, H) and targets (N,); return its parts.

        The readout runs forward and backward on one chunk of targets after the other, so that the logits of all targets
        are never in memory at once.
        """
        losses, leaves = [], outputs.detach().requires_grad_()
        chunk = max(1, _MAX_LOGITS_PER_CHUNK // self.network.choices)
        for some, some_targets in zip(torch.split(leaves, chunk), torch.split(targets, chunk), strict=True):
            loss = -self.network.target_log_probability(some, some_targets).sum() * (share / len(targets))
            loss.backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach())
        # outputs.backward(leaves.grad) computes the same, but its first use imports a compiler.
        if outputs.requires_grad:  # all weights below may be frozen
            (outputs * leaves.grad).sum().backward()  # type: ignore[operator, no-untyped-call]
        return losses

    @torch.no_grad()
    def update_average(self, step: int, progress: float) -> None:
        """Update the averaged weights after step `step`; `progress` is the share of the run that is done."""
        if progress < _AVERAGE_FROM or (step % _AVERAGE_EVERY and self.local is None):
            return
        if self.averaged_network is self.network:
            self.averaged_network = copy.deepcopy(self.network)
        # With local steps, only the weights after a mean are averaged.
        decay = _AVERAGE_DECAY ** (self.sync_every / _AVERAGE_EVERY) if self.local else _AVERAGE_DECAY
        pairs = zip(self.averaged_network.parameters(), self.network.parameters(), strict=True)
        for average, weight in pairs:
            average.lerp_(weight, 1 - decay)
