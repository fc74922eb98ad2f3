"""Timing side by side: every figure is a ratio of two things measured in one run, in turn, on the same machine."""

import time
from collections.abc import Callable


def best_seconds(*actions: Callable[[], object], rounds: int = 12) -> list[float]:
    """Least seconds of each action over rounds in which they take turns, after a warm-up of each.

    The least, because whatever else the machine does can only add to a time.
    """
    for action in actions:
        action()
    times: list[list[float]] = [[] for _ in actions]
    for _ in range(rounds):
        for action, found in zip(actions, times, strict=True):
            before = time.perf_counter()
            action()
            found.append(time.perf_counter() - before)
    return [min(found) for found in times]
