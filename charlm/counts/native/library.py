"""Call the compiled counting and look-ups with ctypes, on several threads."""

import ctypes
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charlm.compiled import NONE, forced, load
from charlm.progress import ignore

_REVISION = 4  # of the interface of counts.h
_Task = tuple[Any, ...]


@cache
def library() -> ctypes.CDLL | None:
    """Return the shared library, or None if numpy counts instead."""
    return None if forced() == NONE else load(Path(__file__).parent, "_counts", _REVISION)


def structure(name: str, integers: str, pointers: str) -> type[ctypes.Structure]:
    """Return a structure of counts.h from the names of its integers and of its pointers, in order."""
    fields = [(each, ctypes.c_int64) for each in integers.split()] + [
        (each, ctypes.c_void_p) for each in pointers.split()
    ]
    return type(name, (ctypes.Structure,), {"_fields_": fields})


def pointer(values: NDArray[Any]) -> int:
    """Return the address of the elements of a contiguous array, which must be kept while it is used."""
    assert values.flags.c_contiguous
    return int(values.ctypes.data)


class Structures:
    """An array of structures of one kind, and its address."""

    def __init__(self, kind: type[ctypes.Structure], values: Sequence[Sequence[int]]) -> None:
        self._array = (kind * len(values))(*(kind(*each) for each in values))
        self.address = ctypes.addressof(self._array)


def argument(value: Any) -> Any:
    """Return an argument of a function of the library: an array, a structure, or a whole number."""
    if isinstance(value, np.ndarray):
        return ctypes.c_void_p(pointer(value))
    return ctypes.byref(value) if isinstance(value, ctypes.Structure) else ctypes.c_int64(value)


def compiled(name: str, token: np.dtype[Any]) -> Any:
    """Return a function of the library, for tokens of a type."""
    loaded = library()
    assert loaded is not None
    function = getattr(loaded, f"{name}_{8 * token.itemsize}")
    function.restype = ctypes.c_int64
    return function


def call(function: str, token: np.dtype[Any], *arguments: Any) -> int:
    """Call a function of the library for tokens of a type. Return its result, if that is a number."""
    return int(compiled(function, token)(*map(argument, arguments)))


def in_threads(work: Callable[..., None], tasks: Sequence[_Task], on_done: Callable[[int], None] = ignore) -> None:
    """Call `work` with the arguments of each task, on all cores.

    on_done: called with the index of each task that ends. ctypes releases the lock of Python, so threads are enough.
    """
    if len(tasks) == 1:
        work(*tasks[0])
        on_done(0)
        return
    with ThreadPoolExecutor(max(1, min(len(tasks), _cores()))) as pool:
        futures = {pool.submit(work, *task): index for index, task in enumerate(tasks)}
        try:
            for future in as_completed(futures):
                future.result()
                on_done(futures[future])
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
