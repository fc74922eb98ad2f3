"""What a person sees while a model trains: a live view on a terminal that can show one, plain lines elsewhere."""

import os
from contextlib import ExitStack

from rich.console import Console

from charlm.cli.output import say
from charlm.cli.view import wording
from charlm.cli.view.live import LiveView
from charlm.cli.view.reading import Plain
from charlm.data.documents import Reading
from charlm.training.reports import Event, Finished, Progress, Revised

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
        elif isinstance(event, Reading):
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


def can_redraw(console: Console) -> bool:
    """Whether this is a terminal with a movable cursor, letters for curves, and nobody who asked for none of it."""
    plain = console.is_dumb_terminal or "NO_COLOR" in os.environ
    return console.is_terminal and not plain and console.encoding.lower().startswith("utf")
