"""Timing in turn: every figure is a ratio of two things measured in one run on the same machine."""

import time
from collections.abc import Callable

import torch

from charlm.nn.native.library import path_in_use, resolve_precision


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


def conditions() -> str:
    """Return what computes: the instruction sets of charlm and of torch, the default precision, and the threads."""
    precision = resolve_precision("auto", torch.device("cpu"))
    theirs = torch.backends.cpu.get_cpu_capability()
    return f"charlm {path_in_use()} ({precision} by default), torch {theirs}, {torch.get_num_threads()} threads"
