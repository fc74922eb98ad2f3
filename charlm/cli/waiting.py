"""What a command waits for, on a terminal: shown while it waits, and then erased."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from charlm.interrupts import uninterrupted

COMPARING = "comparing with the training text"
_ERASE = "\r\x1b[K"


@contextmanager
def waiting(activity: str, quiet: bool) -> Iterator[None]:
    """Show what the block does, such as "loading torch", until it ends. Nothing is shown off a terminal."""
    shown = not quiet and sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    if shown:
        print(f"{activity} ...", end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        if shown:
            print(_ERASE, end="", file=sys.stderr, flush=True)


@contextmanager
def loading(quiet: bool) -> Iterator[None]:
    """Import torch in the block: it takes seconds, and holds signals back."""
    with waiting("loading torch", quiet or "torch" in sys.modules), uninterrupted():
        yield
