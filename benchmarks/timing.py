"""Timing in turn: every figure is a ratio of two things measured in one run on the same machine."""

import time
from collections.abc import Callable


def best_seconds(
    *actions: Callable[[], object], rounds: int = 12, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Return the minimum seconds of each action over rounds in which they take turns, after a warm-up of each.

    It is the minimum because anything else on the machine only adds to a time.
    """
    for action in actions:
        action()
    times: list[list[float]] = [[] for _ in actions]
    for _ in range(rounds):
        for action, seconds in zip(actions, times, strict=True):
            before = clock()
            action()
            seconds.append(clock() - before)
    return [min(seconds) for seconds in times]
