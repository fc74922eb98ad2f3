"""Signals that ask the process to stop, held back while something must not be torn in the middle."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Terminated(KeyboardInterrupt):
    """The system asks the process to end, and will not wait for long."""


class Interrupts:
    """While it is entered, signals are answered as before, usually by a KeyboardInterrupt, but not inside `held`.

    With `always_held` only by `answer`; `waiting` is the last that has come.

    Outside the main thread, which gets no signals, it does nothing.
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
                if callable(handler):  # not one that is ignored, or ends the process without asking
                    self._before[number] = handler
                    signal.signal(number, self._arrive)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """A signal that arrives inside is answered at the end; a second one at once."""
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
        if self.waiting is not None and not self._always_held:
            number, self.waiting = self.waiting, None
            self._before[number](number, None)

    def answer(self, number: int) -> None:
        """As if this signal had come now, which some other process may have got."""
        self._before.get(number, signal.default_int_handler)(number, None)

    def _arrive(self, number: int, frame: FrameType | None) -> None:
        if self._always_held or (self._holding and self.waiting is None):
            self.waiting = number
        else:
            self._before[number](number, frame)


@contextmanager
def importing() -> Iterator[None]:
    """For the import of torch, which loses what a signal raises in the middle: it is answered at the end instead."""
    with Interrupts() as interrupts, interrupts.held():
        yield
