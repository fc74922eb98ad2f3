"""stdout carries the result, stderr the talk."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO, cast

from charlm.files.atomic import json_line
from charlm.training.torchrun import Launch

if TYPE_CHECKING:
    from rich.console import Console


def prepare_streams() -> None:
    """No character may stop the program: a terminal escapes what it cannot show, a file or a pipe gets UTF-8.

    A stream that is closed from the start (`>&-`) takes whatever is written to it.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # else the next file that is opened would get its number, and `print` take stdout for stderr
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
            if name == "stdout" and not stream.isatty():
                stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")


def one_talks(launch: Launch) -> None:
    """Of the processes that torchrun has started only the first gives a result, and one on each machine says what is
    wrong; all the others have found the same."""
    if not launch.first:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if launch.local_rank:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


@contextmanager
def closable_streams() -> Iterator[None]:
    """A reader of stdout that is gone has had enough, and ends the program; without one of stderr it works on."""
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = cast(TextIO, _Result(sys.stdout)), cast(TextIO, _Talk(sys.stderr))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams


class _Talk:
    """A stream whose reader may go: a pipe is closed, a terminal is hung up. What is written then is lost."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with self._leaving():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._leaving():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextmanager
    def _leaving(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())  # or the interpreter complains at its end
            self._left(error)

    def _left(self, error: OSError) -> None:
        """What follows from it."""


class _Result(_Talk):
    """The same for what was asked for: a closed pipe is the end, with 0 and quietly, a full disk is an error."""

    def _left(self, error: OSError) -> None:
        if isinstance(error, BrokenPipeError):
            raise SystemExit(0) from None
        raise error


def write(text: str) -> None:
    """Write to stdout at once."""
    sys.stdout.write(for_terminal(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def write_json(values: dict[str, Any]) -> None:
    """One compact line, with null in place of what JSON has no number for."""
    write(json_line(values) + "\n")


def say(text: str, quiet: bool = False) -> None:
    """A sentence on stderr."""
    if not quiet:
        print(text, file=sys.stderr, flush=True)


def for_terminal(text: str) -> str:
    """Text that cannot drive a terminal: control characters but newline and tab are shown by their code."""
    return "".join(c if c in "\n\t" or (c >= " " and not "\x7f" <= c <= "\x9f") else f"\\x{ord(c):02x}" for c in text)


def can_redraw(console: "Console") -> bool:
    """Whether this is a terminal with a movable cursor, letters for curves, and nobody who asked for none of it."""
    plain = console.is_dumb_terminal or "NO_COLOR" in os.environ
    return console.is_terminal and not plain and console.encoding.lower().startswith("utf")
