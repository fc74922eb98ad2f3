"""How far one is with many texts or a long one: a bar on stderr, where that is a terminal that can redraw."""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from charlm.cli.output import say
from charlm.progress import ReadingProgress


@contextmanager
def progress(wanted: bool, stdin: bool) -> Iterator[Callable[[int], None]]:
    """To be told how many texts more are done, while their results go to another place. stdin: they come from there."""
    size = _size() if stdin else None
    place = sys.stdin.buffer.tell if size else lambda: None
    with _bar(wanted and not sys.stdout.isatty(), "texts", size, lambda count: place()) as told:
        yield told


@contextmanager
def reading(wanted: bool, name: str, tokens: int | None = None) -> Iterator[Callable[[int], None]]:
    """To be told how many tokens more are read, of so many, before anything is written."""
    with _bar(wanted, "tokens", tokens, lambda count: count, name) as told:
        yield told


@contextmanager
def _bar(
    wanted: bool, what: str, size: int | None, place: Callable[[int], int | None], name: str = ""
) -> Iterator[Callable[[int], None]]:
    """To be told how many more are done. place: how far on the way to `size` one is, when so many are."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from charlm.cli.output import can_redraw

    console = Console(stderr=True, highlight=False)
    if not wanted or not can_redraw(console):
        yield lambda count: None
        return
    names = (TextColumn("{task.description}", markup=False),) if name else ()
    columns = (*names, BarColumn(), TextColumn(f"{{task.fields[count]:,}} {what}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(name, total=size, count=0)
        done = 0

        def told(count: int) -> None:
            nonlocal done
            done += count
            bar.update(task, count=done, completed=place(done))

        yield told


def _size() -> int | None:
    """Bytes of stdin, where it is a file; a pipe does not say."""
    try:
        status = os.fstat(sys.stdin.fileno())
    except (AttributeError, OSError, ValueError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


class Plain:
    """Prints the progress of a read whenever the characters or the seconds have doubled since the last line."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._said = ("", 0, 0)

    def __call__(self, event: ReadingProgress) -> None:
        now = (event.activity, event.done.bit_length(), int((event.seconds or 0) / 4).bit_length())
        if now != self._said:
            say(line(event), self._quiet)
            self._said = now


def line(event: ReadingProgress) -> str:
    """`encoding   23 % of 1,000,000,000 characters`."""
    if event.seconds is not None:
        so_far = f", {event.seconds:.0f} s so far" if event.seconds >= 1 else ""
        return f"{event.activity:<10} learning from {event.done:,} of {event.total:,} characters{so_far}"
    how_far = f"{event.done:,}" if event.total is None else f"{event.done / event.total:.0%} of {event.total:,}"
    return f"{event.activity:<10} {how_far} characters"
