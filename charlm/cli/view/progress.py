"""How far the scoring of stdin is: a bar on stderr, where that is a terminal and the result goes elsewhere."""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(wanted: bool) -> Iterator[Callable[[int], None]]:
    """A function to be told how many texts more are done. `wanted`: a bar, where one can be shown."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from charlm.cli.view.display import can_redraw

    console = Console(stderr=True, highlight=False)
    if not wanted or sys.stdout.isatty() or not can_redraw(console):
        yield lambda count: None
        return
    size = _size()
    columns = (BarColumn(), TextColumn("{task.fields[texts]:,} texts"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task("", total=size, texts=0)
        texts = 0

        def told(count: int) -> None:
            nonlocal texts
            texts += count
            bar.update(task, texts=texts, completed=sys.stdin.buffer.tell() if size else None)

        yield told


def _size() -> int | None:
    """Bytes of stdin, where it is a file; a pipe does not say."""
    try:
        status = os.fstat(sys.stdin.fileno())
    except (AttributeError, OSError, ValueError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
