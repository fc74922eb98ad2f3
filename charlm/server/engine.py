"""The thread in which the texts of all requests are drawn, and the threads that read prompts and score texts.

The engine turns in a circle: it lets the completions that arrived join the batches of their models, and advances each
batch. Long prompts are read by other threads meanwhile, so that they hold up nobody.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from charlm.server.batch import Batch, Completion

Result = TypeVar("Result")
_READERS = 4


class Engine:
    """One running batch for each model, advanced by one thread from `start` to `stop`."""

    _loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        self._to_wake: list[asyncio.Event] = []
        self._batches: list[Batch] = []
        self._arrived: deque[tuple[Batch, Sequence[Completion]]] = deque()
        self._something_to_do = threading.Condition()
        self._stopping = False
        self._drawing = threading.Thread(target=self._run, name="charlm-drawing", daemon=True)
        self._reading = ThreadPoolExecutor(_READERS, thread_name_prefix="charlm-reading")

    def start(self) -> None:
        """Start the threads. The requests are in the event loop that calls it."""
        self._loop = asyncio.get_running_loop()
        self._drawing.start()

    def stop(self) -> None:
        """Stop the threads; what is still open is left unfinished."""
        with self._something_to_do:
            self._stopping = True
            self._something_to_do.notify()
        self._reading.shutdown(cancel_futures=True)
        self._drawing.join()

    def draw(self, batch: Batch, completions: Sequence[Completion]) -> None:
        """Let completions join the running batch of their model."""
        with self._something_to_do:
            self._arrived.append((batch, completions))
            self._something_to_do.notify()

    def wake(self, waiting: asyncio.Event) -> None:
        """Set an event of the loop at the end of this turn, with all others. Only the drawing thread calls it."""
        self._to_wake.append(waiting)

    def read(self, function: Callable[..., Result], *arguments: object) -> "Future[Result]":
        """Call a function that reads texts, in one of the threads for it."""
        return self._reading.submit(function, *arguments)

    def _run(self) -> None:
        open_batches: list[Batch] = []
        while True:
            with self._something_to_do:
                while not (self._arrived or open_batches or self._stopping):
                    self._something_to_do.wait()
                if self._stopping:
                    return
                arrived = list(self._arrived)
                self._arrived.clear()
            for batch, completions in arrived:
                batch.add(completions)
                self._wake()
                if batch not in open_batches:
                    open_batches.append(batch)
            for batch in open_batches:
                batch.advance()
                self._wake()
            open_batches = [batch for batch in open_batches if batch.size]

    def _wake(self) -> None:
        """Call the loop once for all: a call costs more than a token, and takes the interpreter from this thread."""
        if self._to_wake:
            woken, self._to_wake = self._to_wake, []
            with suppress(RuntimeError):  # the loop has ended, and nobody waits
                self._loop.call_soon_threadsafe(_set_all, woken)


def _set_all(events: Iterable[asyncio.Event]) -> None:
    for event in events:
        event.set()
