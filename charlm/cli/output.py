"""stdout carries the result, stderr the talk."""

import json
import math
import os
import sys
from typing import Any

import typer


def prepare_streams() -> None:
    """No character may stop the program: a terminal escapes what it cannot show, a file or a pipe gets UTF-8."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
            if stream is sys.stdout and not stream.isatty():
                stream.reconfigure(encoding="utf-8", newline="\n")


def write(text: str) -> None:
    """Write to stdout at once. A reader that has closed it has had enough: exit 0, quietly."""
    try:
        sys.stdout.write(for_terminal(text) if sys.stdout.isatty() else text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its end
        raise typer.Exit(0) from None


def write_json(values: dict[str, Any]) -> None:
    """One compact line, with null in place of what JSON has no number for."""
    write(json.dumps(_finite(values), ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n")


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


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return value
