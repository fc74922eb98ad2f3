"""The threads that torch and the compiled loops compute with: their number, and what a fork does to them.

torch keeps a pool of threads for each thread of Python. On Linux it uses GNU's OpenMP, which does not notice a fork: in
the child, the threads of the pool are gone, and the first parallel computation would wait for them forever. charlm
therefore ends the pool of the forking thread before each fork. Parent and child start a new pool when they need one.
The child begins with one thread, because several children with a thread for each core would hinder each other.

The libraries that torch uses also have locks. A lock that another thread holds during the fork would stay locked in the
child. A fork therefore waits until no other thread is `computing`.
"""

import ctypes
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import Lock, Thread, get_ident

import torch

_SOFT_PAUSE = 1  # omp_pause_soft: end the threads, but keep the settings
_PATIENCE = 30.0  # seconds that a fork waits for a computation of another thread
_POLL = 0.001  # seconds; a lock instead could itself be held during a fork

_DEFAULT = Lock()  # guards the number of threads that torch gives to a new thread of Python
_computing: dict[int, bool] = {}  # the threads of Python that compute
_forking: dict[int, bool] = {}  # the threads of Python that fork


@cache
def openmp(*names: str) -> tuple[ctypes.c_void_p, ...] | None:
    """Return these functions of torch's OpenMP, or None if it does not have all of them.

    A second OpenMP would be a second pool of threads on the same cores.
    """
    for path in sorted((Path(torch.__file__).parent / "lib").glob("lib*omp*")):
        with suppress(OSError, AttributeError):
            library = ctypes.CDLL(str(path))
            return tuple(ctypes.cast(getattr(library, name), ctypes.c_void_p) for name in names)
    return None


def use_threads(count: int) -> None:
    """Let torch use `count` threads for what this thread of Python computes. The other threads keep their number."""
    if count == torch.get_num_threads():
        return
    with _DEFAULT:
        default: list[int] = []
        _in_a_new_thread(lambda: default.append(torch.get_num_threads()))
        torch.set_num_threads(count)  # also for each thread of Python that computes for the first time
        if default:
            _in_a_new_thread(lambda: torch.set_num_threads(default[0]))


def _in_a_new_thread(action: Callable[[], object]) -> None:
    thread = Thread(target=action)
    with suppress(RuntimeError):  # the system allows this process no more threads
        thread.start()
        thread.join()


@contextmanager
def computing() -> Iterator[None]:
    """Mark a computation, or a function that computes: a fork by another thread waits until it ends.

    It must be short, must not call functions of the user, and must not yield.
    """
    me = get_ident()
    if me in _computing:
        yield
        return
    try:
        while True:
            _computing[me] = True  # before the check, because `_before_fork` checks in the opposite order
            if not _forking or me in _forking:
                break
            del _computing[me]
            time.sleep(_POLL)
        yield
    finally:
        _computing.pop(me, None)


def _before_fork() -> None:
    me, until = get_ident(), time.monotonic() + _PATIENCE
    _forking[me] = True
    while any(thread != me for thread in list(_computing)) and time.monotonic() < until:
        time.sleep(_POLL)
    _DEFAULT.acquire()
    if pause := openmp("omp_pause_resource_all"):
        ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(pause[0].value or 0)(_SOFT_PAUSE)


def _in_parent() -> None:
    _DEFAULT.release()
    _forking.pop(get_ident(), None)


def _in_child() -> None:
    _DEFAULT.release()
    _forking.clear()
    for thread in set(_computing) - {get_ident()}:
        del _computing[thread]
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)
