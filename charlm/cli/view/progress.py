"""Progress through many texts or a long one: a bar on a terminal, plain lines elsewhere, both on stderr."""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from charlm.cli.output import can_redraw, say
from charlm.progress import ReadingProgress


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
        self._printed = ("", 0, 0)

    def __call__(self, event: ReadingProgress) -> None:
        stage = (event.activity, event.done.bit_length(), int((event.seconds or 0) / 4).bit_length())
        if stage != self._printed:
            say(reading_line(event), self._quiet)
            self._printed = stage


def reading_line(event: ReadingProgress) -> str:
    """Progress in words, such as `encoding   23% of 1,000,000,000 characters`."""
    if event.seconds is not None:
        elapsed = f", {event.seconds:.0f} s so far" if event.seconds >= 1 else ""
        return f"{event.activity:<10} learning from {event.done:,} of {event.total:,} characters{elapsed}"
    amount = f"{event.done:,}" if event.total is None else f"{event.done / event.total:.0%} of {event.total:,}"
    return f"{event.activity:<10} {amount} characters"
