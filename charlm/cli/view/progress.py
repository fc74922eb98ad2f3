"""Progress through many texts or a long one: a bar on a terminal, plain lines elsewhere, both on stderr."""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from charlm.cli.output import can_redraw, say
from charlm.progress import Doublings, ReadingProgress


@contextmanager
def text_bar(wanted: bool, stdin: bool) -> Iterator[Callable[[int], None]]:
    """Show a bar, and yield a callback that takes the number of further texts that are done.

    There is no bar if stdout is a terminal, where the results appear. With `stdin`, the texts come from stdin, and the
    bar shows how much of it has been read.
    """
    size = _stdin_size() if stdin else None
    position = sys.stdin.buffer.tell if size else lambda: None
    with _bar(wanted and not sys.stdout.isatty(), "texts", size, lambda count: position()) as advance:
        yield advance


@contextmanager
def token_bar(wanted: bool, name: str, tokens: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show a bar, and yield a callback that takes the number of further tokens; `tokens` is their total if known."""
    with _bar(wanted, "tokens", tokens, lambda count: count, name) as advance:
        yield advance


@contextmanager
def _bar(
    wanted: bool, unit: str, total: int | None, position: Callable[[int], int | None], name: str = ""
) -> Iterator[Callable[[int], None]]:
    """Yield a callback that advances the bar; `position` maps the count to a position between 0 and `total`."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, highlight=False)
    if not wanted or not can_redraw(console):
        yield lambda count: None
        return
    names = (TextColumn("{task.description}", markup=False),) if name else ()
    columns = (*names, BarColumn(), TextColumn(f"{{task.fields[count]:,}} {unit}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(name, total=total, count=0)
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            bar.update(task, count=done, completed=position(done))

        yield advance


def _stdin_size() -> int | None:
    """Size of stdin in bytes, or None if it is not a file."""
    try:
        status = os.fstat(sys.stdin.fileno())
    except (AttributeError, OSError, ValueError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


class ReadingLine:
    """A callback for `ReadingProgress` events that prints a line whenever the amount or the time has doubled."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._is_due = Doublings()

    def __call__(self, event: ReadingProgress) -> None:
        if self._is_due(event):
            say(str(event), self._quiet)
