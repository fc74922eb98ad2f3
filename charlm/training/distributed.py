"""The processes that train one model together, each with its own rows of every batch; alone, nothing here is done.

Gradients are summed in one all-reduce a step, so that all take the same step. What only one of them can see, a signal
or the clock, is told in the same sum, and agreed on before the next step. What is sent are numbers and bytes, never
objects, which torch would pickle.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch import distributed as dist
from torch.distributed.distributed_c10d import PrefixStore, default_pg_timeout
from torch.distributed.rendezvous import rendezvous

from charlm.errors import PeerError
from charlm.training.torchrun import launched

# An hour, for a process that prepares a large corpus; one that is gone is noticed at once.
_PATIENCE = 2 * default_pg_timeout
_POLL = 0.02  # seconds


@dataclass(eq=False)
class Group:
    """Process `rank` of `size`. All of them must call its methods in the same order. Raises PeerError."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0  # among those of this machine
    _calling: bool = False  # this process asks the others to agree on something
    _called: bool = False  # some process did, by the last `average`

    @property
    def first(self) -> bool:
        """Whether this process writes and talks."""
        return self.rank == 0

    def rows(self, count: int) -> slice:
        """The rows of this process, of so many; shares differ by one at most."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def average(self, parameters: Iterable[Tensor], loss: float, rows: int) -> float:
        """Leave at the parameters the mean of the gradients over all rows, and return that of the losses; this process
        has so many of the rows.

        One all-reduce after the whole of backward. DistributedDataParallel would send the gradients of a layer while
        those of the layer below are computed, but takes no batch in parts of unequal size; benchmarks/scaling.py
        compares the two.
        """
        if self.size == 1:
            return loss
        chosen = list(parameters)
        parts = [each.grad.flatten() for each in chosen if each.grad is not None]
        flat = torch.cat([*parts, parts[0].new_tensor([loss, 1, self._calling])]) * rows
        _all_reduce(summed := flat if flat.is_cuda else flat.cpu())
        *means, told = torch.split(summed.to(flat.device) / summed[-2], [*map(len, parts), 3])
        for parameter, mean in zip(chosen, means, strict=True):
            parameter.grad = mean.view_as(parameter)
        loss, _, called = told.tolist()
        self._called = called > 0
        return float(loss)

    def called(self, wish: bool) -> bool:
        """Whether all should agree now: some process had a wish before the last step; alone, whether this one has."""
        if self.size == 1:
            return wish
        self._calling = wish
        return self._called

    def highest(self, values: Sequence[int]) -> list[int]:
        """Of each number the highest that any process has."""
        self._calling = self._called = False
        if self.size == 1:
            return list(values)
        found = torch.tensor(values, dtype=torch.int64)
        _all_reduce(found, dist.ReduceOp.MAX)
        return found.tolist()

    def number(self, value: float) -> float:
        """What the first process has here, as a time that it has measured."""
        if self.size == 1:
            return value
        found = torch.tensor([value], dtype=torch.float64)
        with _peers():
            dist.broadcast(found, src=0)
        return found.item()

    def data(self, value: bytes) -> bytes:
        """The same for bytes."""
        if self.size == 1:
            return value
        size = int(self.number(len(value)))
        found = torch.frombuffer(bytearray(value if self.first else size) or bytearray(1), dtype=torch.uint8)
        with _peers():
            dist.broadcast(found, src=0)
        return found.numpy().tobytes()[:size]

    def joined(self, part: Tensor) -> Tensor:
        """The rows of all processes (B, ...), given those of each. Zeros are added to them, which changes none."""
        if self.size == 1:
            return part
        counts = self.highest([len(part) if rank == self.rank else 0 for rank in range(self.size)])
        whole = torch.zeros(sum(counts), *part.shape[1:], dtype=part.dtype)
        whole[sum(counts[: self.rank]) :][: len(part)] = part.cpu()
        _all_reduce(whole)
        return whole.to(part.device)

    def share(
        self, rows: Sequence[NDArray[Any]], read: Callable[[Sequence[NDArray[Any]]], list[NDArray[np.float64]]]
    ) -> list[NDArray[np.float64]]:
        """What `read` gives for each row (n,) → (n - 1,), where each process reads some of the rows."""
        if self.size == 1:
            return read(rows)
        mine = range(self.rank, len(rows), self.size)
        ends = np.cumsum([max(0, len(row) - 1) for row in rows])
        whole = np.zeros(ends[-1])
        found = np.split(whole, ends[:-1])
        for place, values in zip(mine, read([rows[place] for place in mine]), strict=True):
            found[place][:] = values
        _all_reduce(torch.from_numpy(whole))
        return found

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """Inside, the first process of each machine goes before the others, which find what it leaves on the disk."""
        if self.local_rank:
            self.number(0)
        yield
        if not self.local_rank:
            self.number(0)


ALONE = Group()


@contextmanager
def join() -> Iterator[Group]:
    """The group that torchrun has made this process part of, or the one whose only member it is.

    It talks by gloo, and by nccl about what is on a GPU. A program that has called init_process_group keeps its own.
    """
    launch = launched()
    if launch.world_size == 1:
        yield Group()
        return
    ours = not dist.is_initialized()
    if ours:
        with _peers():
            store, rank, size = next(rendezvous("env://", launch.rank, launch.world_size, timeout=_PATIENCE))
            store = PrefixStore(_name(store, rank, size), store)
            dist.init_process_group(store=store, rank=rank, world_size=size, timeout=_PATIENCE)
    try:
        yield Group(dist.get_rank(), dist.get_world_size(), launch.local_rank)
    except Exception:
        ours = False  # the others may be gone, or wait for this one
        raise
    finally:
        if ours:
            dist.destroy_process_group()


def _name(store: Any, rank: int, size: int) -> str:
    """A name that these processes have agreed on, and none before them: torchrun keeps one store for all its starts
    (pytorch/pytorch#135712), and by the addresses of processes that are gone those of a restart would never meet."""
    mine = secrets.token_hex(8)
    if rank:
        store.set(f"hello {rank}", mine)
        while mine not in (heard := store.get("heard").decode().split()):  # else it is of an earlier start
            time.sleep(_POLL)
        store.set(f"agreed {rank}", heard[0])
        return str(heard[0])
    others = range(1, size)
    while True:
        heard = [store.get(f"hello {other}").decode() for other in others]
        store.set("heard", " ".join([mine, *heard]))
        if all(store.check([f"agreed {other}"]) and store.get(f"agreed {other}").decode() == mine for other in others):
            return mine
        time.sleep(_POLL)


def _all_reduce(values: Tensor, operation: Any = dist.ReduceOp.SUM) -> None:
    with _peers():
        dist.all_reduce(values, operation)


@contextmanager
def _peers() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        gone = "another of the processes that train this model has ended, or cannot be reached"
        raise PeerError(f"{gone}; what it said tells why, and --resume goes on from what was saved") from error
