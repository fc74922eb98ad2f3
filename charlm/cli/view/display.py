"""The progress of a training run on stderr: a live view on a terminal that supports one, plain lines elsewhere."""

import math
import time
from contextlib import ExitStack

from rich.console import Console
from rich.live import Live

from charlm.cli.output import can_redraw, say
from charlm.cli.view import messages
from charlm.cli.view.training_view import TrainingView
from charlm.progress import ReadingProgress
from charlm.training.events import Event, Finished, Measuring, Progress, Revised, Stopped, Validated
from charlm.training.progress_lines import Milestones

_MOST_DRAWING = 0.005  # share of the time that may be spent on drawing


class Display:
    """A callback for the events of a run, which shows them.

    activity: what is done before the first event. `finished` is the event that ended the run; it is None until then.
    `stopped` is true once a stop was printed.
    """

    def __init__(self, quiet: bool, activity: str) -> None:
        self.finished: Finished | None = None
        self.stopped = False
        self._quiet = quiet
        self._console = Console(stderr=True, highlight=False)
        self._live = LiveView(self._console, activity) if not quiet and can_redraw(self._console) else None
        self._is_due = Milestones()
        self._open = ExitStack()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Finished):
            self.finished = event
            self._open.close()
        if self._quiet:
            return
        if not (self._live and isinstance(event, Revised)):
            for line in self._lines(event):
                self._print(line)
        if self._live:
            self._live.update(event)
        elif isinstance(event, Progress | ReadingProgress) and self._is_due(event):
            self._print(str(event))

    def __enter__(self) -> "Display":
        if self._live:
            self._open.enter_context(self._live)
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def _lines(self, event: Event) -> list[str]:
        self.stopped |= isinstance(event, Stopped)
        if self.stopped and isinstance(event, Finished):  # "done" would contradict "stopped"
            return [messages.best_so_far(event)]
        return messages.lines(event)

    def _print(self, line: str) -> None:
        """Print a line: wrapped on a terminal, unchanged in a pipe."""
        if self._console.file.isatty():  # FORCE_COLOR makes a pipe colored, not a terminal
            line = messages.wrapped(line, self._console.width)
        if self._live:
            self._console.print(line, markup=False, soft_wrap=True)
        else:
            say(line)


class LiveView:
    """A `TrainingView` that is redrawn below everything else that the console prints."""

    def __init__(self, console: Console, activity: str) -> None:
        self._view = TrainingView(activity)
        self._live = Live(self._view, console=console, transient=True, auto_refresh=False, redirect_stdout=False)
        self._next_drawing = -math.inf

    def __enter__(self) -> "LiveView":
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Restore the terminal, however the training ended."""
        self._live.stop()

    def update(self, event: Event) -> None:
        """Take in an event, and redraw the view unless it was drawn a moment ago."""
        self._view.update(event)
        before = time.monotonic()
        frequent = isinstance(event, Progress | ReadingProgress | Measuring)
        if isinstance(event, Validated) or (frequent and before >= self._next_drawing):
            self._live.refresh()
            self._next_drawing = before + (time.monotonic() - before) / _MOST_DRAWING
