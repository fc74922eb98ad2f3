"""How far one is with many texts or a long one: a bar on stderr, where that is a terminal that can redraw."""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(wanted: bool, stdin: bool) -> Iterator[Callable[[int], None]]:
    """To be told how many texts more are done, while their results go to another place. stdin: they come from there."""
    size = _size() if stdin else None
    with _bar(wanted and not sys.stdout.isatty(), "texts", size) as update:
        yield lambda count: update(count, sys.stdin.buffer.tell() if size else None)


@contextmanager
def reading(wanted: bool, name: str, tokens: int | None = None) -> Iterator[Callable[[int], None]]:
    """To be told how many tokens more are read, of so many, before anything is written."""
    done = 0
    with _bar(wanted, "tokens", tokens, name) as update:

        def told(count: int) -> None:
            nonlocal done
            done += count
            update(count, done)

        yield told


@contextmanager
def _bar(wanted: bool, what: str, size: int | None, name: str = "") -> Iterator[Callable[[int, int | None], None]]:
    """A function that is told how many more are done, and where that is on the way to `size`."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from charlm.cli.view.display import can_redraw

    console = Console(stderr=True, highlight=False)
    if not wanted or not can_redraw(console):
        yield lambda count, done: None
        return
    names = (TextColumn("{task.description}", markup=False),) if name else ()
    columns = (*names, BarColumn(), TextColumn(f"{{task.fields[count]:,}} {what}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(name, total=size, count=0)

        def update(count: int, done: int | None) -> None:
            bar.update(task, count=bar.tasks[0].fields["count"] + count, completed=done)

        yield update


def _size() -> int | None:
    """Bytes of stdin, where it is a file; a pipe does not say."""
    try:
        status = os.fstat(sys.stdin.fileno())
    except (AttributeError, OSError, ValueError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
