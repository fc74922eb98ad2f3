"""How long a step and a validation take, measured in a small part of the time that the user gives for the run.

A step of a large network can take longer than the whole budget. So the first measurements are of windows that are cut
after a few tokens, and the time of a whole step is estimated from these unless it is short enough to be measured.
"""

import time
from collections.abc import Callable

import torch

from charlm.data.documents import first_texts
from charlm.data.windows import Batch, TrainingWindows
from charlm.nn.native.threads import use_threads
from charlm.nn.network import Network
from charlm.tasks.language import Dataset
from charlm.training.distributed import Group
from charlm.training.learner import Learner

_SHARE = 0.01  # of the budget, spent on measuring the speed of training
_BOUNDS = (0.3, 3.0)  # seconds
_SHORT, _LONGER = 2, 8  # tokens of a window that is cut
_FEW_CHARACTERS, _MORE_CHARACTERS = 2_000, 100_000  # of the held-out part, to measure the speed of validation
_MUCH_FASTER = 1.3


def step_seconds(learner: Learner, windows: TrainingWindows, budget: float, group: Group) -> float:
    """Return the seconds of a training step, the median of several unless one takes long.

    The steps change nothing but the optimizer's state. budget: seconds of the whole run.
    """
    allowed = _allowed(budget)

    def seconds(batch: Batch) -> float:
        before = time.perf_counter()
        learner.step(batch, 0.0)
        return group.broadcast_float(time.perf_counter() - before)

    length = windows.seq_len
    if length > _LONGER:
        seconds(_cut(windows[0], _SHORT))  # warm-up
        short = seconds(_cut(windows[0], _SHORT))
        if short * length / _SHORT > allowed:
            longer = seconds(_cut(windows[0], _LONGER))
            estimate = short + max(0.0, longer - short) / (_LONGER - _SHORT) * (length - _SHORT)
            if estimate > allowed:
                return estimate
    until = time.monotonic() + allowed
    times: list[float] = []
    while group.broadcast_float(len(times) < 4 or time.monotonic() < until):
        times.append(seconds(windows[len(times)]))
    settled = sorted(times[1:])
    return settled[len(settled) // 2]


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


def validation_seconds(dataset: Dataset, network: Network, budget: float, group: Group) -> float:
    """Return the seconds of a validation, estimated from a part of the held-out text. budget: as in `step_seconds`."""
    valid, characters = dataset.split.valid, dataset.split.characters

    def estimate(count: int) -> float:
        some = first_texts(valid, count)
        before = time.perf_counter()
        dataset.evaluate(network, some, group.map_rows)
        return group.broadcast_float(time.perf_counter() - before) * characters(valid) / characters(some)

    network.eval()
    seconds = estimate(_FEW_CHARACTERS)
    share = min(1.0, _MORE_CHARACTERS / characters(valid))
    return estimate(_MORE_CHARACTERS) if seconds * share < _allowed(budget) else seconds


def _allowed(budget: float) -> float:
    """Return the seconds for one measurement."""
    low, high = _BOUNDS
    return min(high, max(low, _SHARE * budget))


def _cut(batch: Batch, length: int) -> Batch:
    """Return the first tokens of each row of a window."""
    resets = None if batch.resets is None else batch.resets[:length]
    return Batch(batch.inputs[:length], batch.targets[:length], resets, batch.fresh)
