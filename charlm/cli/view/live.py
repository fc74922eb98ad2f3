"""The picture of a training run on a terminal, redrawn in place."""

import math
import time

from rich.console import Console
from rich.live import Live

from charlm.cli.view.picture import Picture
from charlm.data.documents import Reading
from charlm.training.reports import Event, Progress, Validated

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
        often = isinstance(event, Progress | Reading)
        if isinstance(event, Validated) or (often and before >= self._next_drawing):
            self._live.refresh()
            self._next_drawing = before + (time.monotonic() - before) / _DRAWING
