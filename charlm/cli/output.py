"""stdout carries the result, stderr the talk."""

import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from charlm.storage import json_line


def prepare_streams() -> None:
    """No character may stop the program: a terminal escapes what it cannot show, a file or a pipe gets UTF-8."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
            if stream is sys.stdout and not stream.isatty():
                stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")


@contextmanager
def closable_stdout() -> Iterator[None]:
    """A reader that has closed stdout has had enough: whatever writes to it then ends the program with 0, quietly."""
    stdout = sys.stdout
    sys.stdout = cast(TextIO, _Closable(stdout))
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    finally:
        sys.stdout = stdout


class _Closable:
    """A stream whose closed pipe is no error but the end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with self._leaving():
            return self._stream.write(text)

    def flush(self) -> None:
        with self._leaving():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextmanager
    def _leaving(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())  # or the interpreter complains at its end
            raise SystemExit(0) from None


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


def figure(value: float | None) -> str:
    """Four decimals; a dash for a figure that does not exist, such as the perplexity of no tokens."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.4f}"


def for_terminal(text: str) -> str:
    """Text that cannot drive a terminal: control characters but newline and tab are shown by their code."""
    return "".join(c if c in "\n\t" or (c >= " " and not "\x7f" <= c <= "\x9f") else f"\\x{ord(c):02x}" for c in text)
