"""What a person sees while a model trains: a live view on a terminal that can show one, plain lines elsewhere."""

import math
import time
from contextlib import ExitStack

from rich.console import Console
from rich.live import Live

from charlm.cli.output import can_redraw, say
from charlm.cli.view import messages as wording
from charlm.cli.view.progress import Plain
from charlm.cli.view.training_view import Picture
from charlm.progress import ReadingProgress
from charlm.training.events import Event, Finished, Progress, Revised, Validated

_EVERY = 0.05  # share of the run between two plain lines


class Display:
    """A `Report`: called with what happens, it draws; `finished` is the last word, None before there is one."""

    def __init__(self, quiet: bool) -> None:
        self.finished: Finished | None = None
        self._quiet = quiet
        self._console = Console(stderr=True, highlight=False)
        self._live = LiveView(self._console) if not quiet and can_redraw(self._console) else None
        self._reading = Plain(quiet)
        self._next_line = _EVERY
        self._open = ExitStack()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Finished):
            self.finished = event
            self._open.close()
        if self._quiet:
            return
        if not (self._live and isinstance(event, Revised)):
            for line in wording.lines(event):
                self._print(line)
        if self._live:
            self._live.tell(event)
        elif isinstance(event, ReadingProgress):
            self._reading(event)
        elif isinstance(event, Progress) and event.step >= self._next_line * event.steps:
            self._print(wording.progress(event))
            self._next_line = event.step / event.steps + _EVERY

    def __enter__(self) -> "Display":
        if self._live:
            self._open.enter_context(self._live)
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def _print(self, line: str) -> None:
        """To a terminal in lines that fit, to a pipe as it is."""
        if self._console.is_terminal:
            line = wording.wrapped(line, self._console.width)
        if self._live:
            self._console.print(line, markup=False, soft_wrap=True)
        else:
            say(line)


_DRAWING = 0.005  # share of the time spent on drawing, at most


class LiveView:
    """Enter it, and tell it what happens; what the console prints meanwhile stays, above the picture."""

    def __init__(self, console: Console) -> None:
        self._picture = Picture()
        self._live = Live(self._picture, console=console, transient=True, auto_refresh=False, redirect_stdout=False)
        self._next_drawing = -math.inf

    def __enter__(self) -> "LiveView":
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Leave the terminal as it was found, however the training ended."""
        self._live.stop()

    def tell(self, event: Event) -> None:
        self._picture.tell(event)
        before = time.monotonic()
        often = isinstance(event, Progress | ReadingProgress)
        if isinstance(event, Validated) or (often and before >= self._next_drawing):
            self._live.refresh()
            self._next_drawing = before + (time.monotonic() - before) / _DRAWING
