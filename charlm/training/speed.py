"""How long a step and a validation take, measured in a small part of the time that the user gives for the run.

A step of a large network can take longer than the whole budget. So the first measurements are of windows that are cut
after a few tokens, and the time of a whole step is estimated from these unless it is short enough to be measured.
"""

import time
from collections.abc import Callable

import torch

from charlm.nn.native.threads import use_threads
from charlm.nn.trainable import Trainable
from charlm.tasks import Batch, Batches, Dataset
from charlm.training.distributed import Group
from charlm.training.learner import Learner

_SHARE = 0.005  # of the budget, to measure the speed of training, and again to measure that of validation
_BOUNDS = (0.1, 3.0)  # seconds
_SHORT, _LONGER = 2, 8  # tokens of a window that is cut
_SMALL, _LARGER = 2_000, 100_000  # least and greatest size of the examples that measure the speed of validation
_GROWTH = 4  # from one size to the next
_MUCH_FASTER = 1.3
_FEWEST = 3  # steps, the first of which does not count


def step_seconds(learner: Learner, batches: Batches, budget: float, group: Group) -> float:
    """Return the seconds of a training step, the median of several unless one takes long.

    The steps change nothing but the optimizer's state. budget: seconds of the whole run.
    """
    allowed = _allowed(budget)

    def seconds(batch: Batch) -> float:
        before = time.perf_counter()
        learner.step(batch, 0.0)
        return group.broadcast_float(time.perf_counter() - before)

    length = batches.seq_len
    if length > _LONGER:
        seconds(batches[0].cut(_SHORT))  # warm-up
        short = seconds(batches[0].cut(_SHORT))
        if short * length / _SHORT > allowed:
            longer = seconds(batches[0].cut(_LONGER))
            estimate = short + max(0.0, longer - short) / (_LONGER - _SHORT) * (length - _SHORT)
            if estimate > allowed:
                return estimate
    until = time.monotonic() + allowed
    times: list[float] = []
    while group.broadcast_float(len(times) < _FEWEST or time.monotonic() < until):
        times.append(seconds(batches[len(times)]))
    settled = sorted(times[1:])
    return settled[len(settled) // 2]


def mean_seconds(learner: Learner, group: Group) -> float:
    """Return a step's share of the seconds in which the processes take the mean after their local steps."""
    if learner.local is None:
        return 0.0
    learner.local.average()  # warm-up
    before = time.perf_counter()
    learner.local.average()
    return group.broadcast_float(time.perf_counter() - before) / learner.sync_every


def with_fewer_threads(seconds: float, measure: Callable[[], float], group: Group) -> float:
    """Use one thread if it is much faster, as it is while other programs keep the cores busy; return its seconds."""
    threads = torch.get_num_threads()
    if group.broadcast_float(threads) > 1:
        use_threads(1)
        alone = measure()
        if alone * _MUCH_FASTER < seconds:
            return alone
        use_threads(threads)
    return seconds


def validation_seconds(dataset: Dataset, network: Trainable, budget: float, group: Group) -> float:
    """Return the seconds of a validation, estimated from some of its examples. budget: as in `step_seconds`."""
    whole = dataset.validation_size

    def estimate(size: int) -> float:
        some, part = dataset.first_examples(size)
        before = time.perf_counter()
        dataset.evaluate(network, some, group.map_rows)
        return group.broadcast_float(time.perf_counter() - before) * whole / part

    network.eval()
    size = _SMALL
    estimate(size)  # warm-up
    seconds = estimate(size)
    # A larger part is read faster, in proportion: more of its examples are read together.
    while size < min(_LARGER, whole) and seconds * _GROWTH * size / whole < _allowed(budget):
        size *= _GROWTH
        seconds = estimate(size)
    return seconds


def _allowed(budget: float) -> float:
    """Return the seconds for one measurement."""
    low, high = _BOUNDS
    return min(high, max(low, _SHARE * budget))
