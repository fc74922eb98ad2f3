"""Signals that ask the process to stop, held back while an operation must not be interrupted."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Terminated(KeyboardInterrupt):
    """The system asks the process to end, and soon kills it."""


class Interrupts:
    """A context that holds signals back inside `held`; outside, each signal goes to the handler it had before.

    With `always_held`, signals are held back everywhere, until `answer` is called. `waiting` is the last signal held
    back. Outside the main thread, which receives no signals, the context does nothing.
    """

    def __init__(self, always_held: bool = False) -> None:
        self.waiting: int | None = None
        self._before: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self._always_held = always_held
        self._holding = False

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, name) for name in _NAMES if hasattr(signal, name)):
                handler = signal.getsignal(number)
                if callable(handler):  # not a signal that is ignored, or that ends the process at once
                    self._before[number] = handler
                    signal.signal(number, self._arrive)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold back the first signal that arrives inside until the end; a second one is answered at once.

        A signal is answered even if an exception ends the context; its handler's exception then replaces that one.
        """
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
            if self.waiting is not None and not self._always_held:
                number, self.waiting = self.waiting, None
                self._before[number](number, None)

    def answer(self, number: int) -> None:
        """Call the handler of a signal, which this process or another one has received."""
        self._before.get(number, signal.default_int_handler)(number, None)

    def _arrive(self, number: int, frame: FrameType | None) -> None:
        if self._always_held or (self._holding and self.waiting is None):
            self.waiting = number
        else:
            self._before[number](number, frame)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold signals back during a short operation of a library that would swallow the exception, or be left locked."""
    with Interrupts() as interrupts, interrupts.held():
        yield
