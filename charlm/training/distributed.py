"""The processes that train one model together; each reads its own rows of every batch. A single process does nothing.

One all-reduce per step sums the gradients, so that all processes take the same step. A signal or the clock is seen by
one process only: the same sum carries its request, and all of them act on it before the next step. Processes exchange
numbers and bytes, never objects, which torch would pickle.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch import distributed as dist
from torch.distributed.distributed_c10d import PrefixStore, default_pg_timeout
from torch.distributed.rendezvous import rendezvous

from charlm.errors import DistributedError
from charlm.training.torchrun import Launch, launched, stopped_with_launcher

# One hour, for a process that prepares a large corpus. A process that has ended is noticed at once, but a machine that
# loses its power or its network sends nothing. Within a step, only a save or a preview delays a process.
_TIMEOUT = 2 * default_pg_timeout
_STEP_TIMEOUT = timedelta(minutes=5)
_POLL_SECONDS = 0.02


@dataclass(eq=False)
class Group:
    """Process `rank` of `size`. All processes must call its methods in the same order. Raises DistributedError."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0  # among the processes of this machine
    _requests_sync: bool = False  # this process asks all of them to synchronise
    _sync_requested: bool = False  # a process did, as the last `average_gradients` has shown

    @property
    def first(self) -> bool:
        """Whether this process writes files and reports."""
        return self.rank == 0

    def rows(self, count: int) -> slice:
        """Return this process's share of `count` rows; shares differ by one row at most."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def average_gradients(self, parameters: Iterable[Tensor], loss: float, rows: int) -> float:
        """Replace the gradients by their mean over the rows of all processes, and return the mean loss.

        `loss` is the mean over this process's `rows`. The sum carries three more numbers after the gradients: the loss,
        1, and whether this process requests a synchronisation. Each is weighted by `rows`, so the second becomes the
        number of rows, and the third is positive if any process made a request; `sync_requested` returns it.

        There is one all-reduce, after the whole of backward. DistributedDataParallel would send the gradients of a
        layer while the layer below computes its own, but it accepts no micro-batches of unequal size;
        benchmarks/scaling.py compares the two.
        """
        if self.size == 1:
            return loss
        chosen = [each for each in parameters if each.grad is not None]  # the others are not trained
        parts = [each.grad.flatten() for each in chosen if each.grad is not None]
        flat = torch.cat([*parts, parts[0].new_tensor([loss, 1, self._requests_sync])]) * rows
        _all_reduce(summed := flat if flat.is_cuda else flat.cpu(), timeout=_STEP_TIMEOUT)
        *means, extra = torch.split(summed.to(flat.device) / summed[-2], [*map(len, parts), 3])
        for parameter, mean in zip(chosen, means, strict=True):
            parameter.grad = mean.view_as(parameter)
        loss, _, requested = extra.tolist()
        self._sync_requested = requested > 0
        return float(loss)

    def sync_requested(self, request: bool) -> bool:
        """Request a synchronisation if `request`, and return whether all processes should synchronise now.

        With several processes, they should if one of them had made a request by the last `average_gradients`. A process
        by itself decides at once.
        """
        if self.size == 1:
            return request
        self._requests_sync = request
        return self._sync_requested

    def all_reduce_max(self, values: Sequence[int]) -> list[int]:
        """Return the element-wise maximum over all processes, and forget all requests to synchronise."""
        self._requests_sync = self._sync_requested = False
        if self.size == 1:
            return list(values)
        result = torch.tensor(values, dtype=torch.int64)
        _all_reduce(result, dist.ReduceOp.MAX)
        return result.tolist()

    def broadcast_float(self, value: float) -> float:
        """Return the number of the first process, for example a time that it has measured."""
        if self.size == 1:
            return value
        result = torch.tensor([value], dtype=torch.float64)
        _broadcast(result)
        return result.item()

    def broadcast_bytes(self, value: bytes) -> bytes:
        """Return the bytes of the first process."""
        if self.size == 1:
            return value
        size = int(self.broadcast_float(len(value)))
        result = torch.frombuffer(bytearray(value if self.first else size) or bytearray(1), dtype=torch.uint8)
        _broadcast(result)
        return result.numpy().tobytes()[:size]

    def broadcast_tensor(self, value: Tensor) -> Tensor:
        """Return the tensor of the first process, which has the same shape in all of them, on the same device."""
        if self.size == 1:
            return value
        result = (value if value.is_cuda else value.cpu()).contiguous()
        _broadcast(result, _STEP_TIMEOUT)
        return result.to(value.device)

    def gather_rows(self, part: Tensor) -> Tensor:
        """Concatenate the rows of all processes to (B, ...). The sum adds only zeros to them, which is exact."""
        if self.size == 1:
            return part
        counts = self.all_reduce_max([len(part) if rank == self.rank else 0 for rank in range(self.size)])
        whole = torch.zeros(sum(counts), *part.shape[1:], dtype=part.dtype)
        whole[sum(counts[: self.rank]) :][: len(part)] = part.cpu()
        _all_reduce(whole)
        return whole.to(part.device)

    def map_rows(
        self,
        rows: Sequence[NDArray[Any]],
        read: Callable[[Sequence[NDArray[Any]]], list[NDArray[np.float64]]],
        lengths: Sequence[int],
    ) -> list[NDArray[np.float64]]:
        """Return what `read` gives for each row, an array of a known length; each process reads some of the rows."""
        if self.size == 1 or not rows:
            return read(rows)
        mine = range(self.rank, len(rows), self.size)
        ends = np.cumsum(lengths)
        whole = np.zeros(ends[-1])
        results = np.split(whole, ends[:-1])
        for index, values in zip(mine, read([rows[index] for index in mine]), strict=True):
            results[index][:] = values
        _all_reduce(torch.from_numpy(whole))
        return results

    @contextmanager
    def local_leader_first(self) -> Iterator[None]:
        """Let the first process of each machine finish the block before the others enter it.

        The others then read from the disk what the first one has written.
        """
        if self.local_rank:
            self.broadcast_float(0)
        yield
        if not self.local_rank:
            self.broadcast_float(0)


ALONE = Group()


@contextmanager
def join() -> Iterator[Group]:
    """Yield the group that torchrun started this process in, or a group of one.

    The processes communicate by gloo, and by nccl for tensors on a GPU. A program that has called init_process_group
    keeps its own process group.
    """
    with stopped_with_launcher(), _joined(launched()) as group:
        yield group


@contextmanager
def _joined(launch: Launch) -> Iterator[Group]:
    if launch.world_size == 1:
        yield Group()
        return
    ours = not dist.is_initialized()
    if ours:
        with _distributed_errors():
            store, rank, size = next(rendezvous("env://", launch.rank, launch.world_size, timeout=_TIMEOUT))
            store = PrefixStore(_agree_on_name(store, rank, size), store)
            dist.init_process_group(store=store, rank=rank, world_size=size, timeout=_TIMEOUT)
    try:
        yield Group(dist.get_rank(), dist.get_world_size(), launch.local_rank)
    except Exception:
        ours = False  # the other processes may have ended, or wait for this one: leave the group without them
        raise
    finally:
        if ours:
            dist.destroy_process_group()


def _agree_on_name(store: Any, rank: int, size: int) -> str:
    """Agree with the other processes on a name that no earlier start has used, and return it.

    torchrun keeps one store for all its restarts (pytorch/pytorch#135712). Without a new name, the processes of a
    restart would read the addresses of processes that have ended.
    """
    mine = secrets.token_hex(8)
    if rank:
        store.set(f"hello {rank}", mine)
        while mine not in (heard := store.get("heard").decode().split()):  # else it was set by an earlier start
            time.sleep(_POLL_SECONDS)
        store.set(f"agreed {rank}", heard[0])
        return str(heard[0])
    others = range(1, size)
    while True:
        heard = [store.get(f"hello {other}").decode() for other in others]
        store.set("heard", " ".join([mine, *heard]))
        if all(store.check([f"agreed {other}"]) and store.get(f"agreed {other}").decode() == mine for other in others):
            return mine
        time.sleep(_POLL_SECONDS)


def _all_reduce(values: Tensor, operation: Any = dist.ReduceOp.SUM, timeout: timedelta = _TIMEOUT) -> None:
    options = dist.AllreduceOptions()  # dist.all_reduce has no timeout of its own
    options.reduceOp, options.timeout = operation, timeout
    assert dist.group.WORLD
    with _distributed_errors():
        dist.group.WORLD.allreduce([values], options).wait()


def _broadcast(values: Tensor, timeout: timedelta = _TIMEOUT) -> None:
    options = dist.BroadcastOptions()  # dist.broadcast has no timeout of its own either
    options.rootRank, options.timeout = 0, timeout
    assert dist.group.WORLD
    with _distributed_errors():
        dist.group.WORLD.broadcast([values], options).wait()


@contextmanager
def _distributed_errors() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        problem = "another of the processes that train this model has ended or cannot be reached; its output says why"
        raise DistributedError(problem, remedy="resume_saved") from error
