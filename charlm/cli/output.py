"""The output streams: results go to stdout, messages to stderr."""

import codecs
import io
import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from charlm import raw_bytes
from charlm.errors import SaveError
from charlm.files.atomic import json_line, open_atomic
from charlm.files.reading import reason
from charlm.training.torchrun import Launch
from charlm.wording import for_terminal

if TYPE_CHECKING:
    from rich.console import Console


BOLD, NAME, RED = "1", "36", "1;31"  # styles: ANSI codes of headings, of names, and of errors
_RENAMED_UNTIL = "0.3"
# Signs of charlm's own words, and what stands for them in ASCII. Where a text is quoted, they are between other signs.
_SIGNS = {"×": r"(?<= )×(?= )", "–": r"(?<= )–", "…": "…"}
_IN_ASCII = {"×": "x", "–": "-", "…": "..."}
_COLUMN_GAP = re.compile(r"(?<=[^:\s])\s{2,}(?=\S)")
_NARROWEST = 20  # columns to which lines are still wrapped


_BYTES = "charlm.bytes"  # the error handler of a result that is not for a terminal
_CODES = "charlm.codes"  # the error handler of everything that a person reads


def prepare_streams() -> None:
    """Make the streams accept every character: a terminal escapes what it cannot show, a file or pipe gets UTF-8.

    A file or pipe also gets the bytes of a text that is not UTF-8 (`charlm.raw_bytes`). A stream that is closed from
    the start (`>&-`) discards what is written to it.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # the next opened file would get its number, and its content would mix with the messages
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_CODES)
            if name == "stdout" and not stream.isatty():
                stream.reconfigure(encoding="utf-8", errors=_BYTES, newline="\n")


def _as_bytes(error: UnicodeError) -> tuple[str | bytes, int]:
    """Return the byte of a text that is not UTF-8, and where to continue; escape another lone surrogate."""
    return _handled(error, lambda byte: bytes((byte,)))


def _as_codes(error: UnicodeError) -> tuple[str | bytes, int]:
    """Return the code of a character, and where to continue; that of a byte that is not UTF-8 is like \\xf1."""
    return _handled(error, lambda byte: f"\\x{byte:02x}")


def _handled(error: UnicodeError, show: Callable[[int], str | bytes]) -> tuple[str | bytes, int]:
    if isinstance(error, UnicodeEncodeError):
        character = error.object[error.start]
        if raw_bytes.ESCAPED.match(character):
            return show(raw_bytes.byte_of(character)), error.start + 1
    return codecs.backslashreplace_errors(error)


codecs.register_error(_BYTES, _as_bytes)
codecs.register_error(_CODES, _as_codes)


def silence_other_processes(launch: Launch) -> None:
    """Silence the other processes of torchrun.

    Only the first process prints a result, and only one on each machine prints errors, since all have the same ones.
    """
    if not launch.first:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if launch.local_rank:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


@contextmanager
def closable_streams() -> Iterator[None]:
    """End the program quietly when the reader of stdout is gone; continue when the reader of stderr is gone."""
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = cast(TextIO, _Result(sys.stdout)), cast(TextIO, _Messages(sys.stderr))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams


class _Messages:
    """A stream whose reader may disappear, such as a closed pipe or terminal; later output is discarded."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        if text != "":  # Typer tries a stream with an empty text, and ignores the error of a full disk
            with self._until_closed():
                self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._until_closed():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextmanager
    def _until_closed(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # Without a stream that accepts output, the interpreter reports an error at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            self._on_closed(error)

    def _on_closed(self, error: OSError) -> None:
        """Continue: nobody reads the messages."""


class _Result(_Messages):
    """The stream of results: a closed pipe ends the program with exit code 0, a full disk is an error."""

    def _on_closed(self, error: OSError) -> None:
        if isinstance(error, BrokenPipeError):
            raise SystemExit(0) from None
        raise SaveError(f"stdout cannot be written: {reason(error)}") from None


def write(text: str) -> None:
    """Write to stdout and flush."""
    sys.stdout.write(for_terminal(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def write_json(values: Mapping[str, Any]) -> None:
    """Write a compact JSON line to stdout; numbers that are not finite become null.

    A byte that is not UTF-8 is an escape, such as \\udcf1, as a lone surrogate has no other form in JSON.
    """
    write(json_line(values).encode("utf-8", "backslashreplace").decode() + "\n")


def write_lines(text: str, indent: int | None = None) -> None:
    """Write lines of charlm's own words to stdout; a terminal gets them wrapped to its width, as `fitted` does."""
    write(fitted(text, sys.stdout, indent))


def write_rows(lines: Iterable[str]) -> None:
    """Write lines of a report to stdout; a row of a table that is too wide for the terminal continues below.

    The columns are right-aligned, with two spaces or more between them, so all rows break at the same column.
    """
    width = columns(sys.stdout) if sys.stdout.isatty() else 0
    for line in lines:
        ends = [match.start() for match in _COLUMN_GAP.finditer(line) if match.start() <= width]
        if width and len(line) > width and ends:
            write(f"{line[: ends[-1]]}\n{line[ends[-1] :].lstrip():>{ends[-1]}}\n")
        else:
            write_lines(f"{line}\n")


def say(text: str, quiet: bool = False) -> None:
    """Print a message on stderr; a terminal gets it wrapped to its width."""
    if not quiet:
        print(fitted(text, sys.stderr), file=sys.stderr, flush=True)


def say_error(text: str, label: str = "error", stream: TextIO | None = None) -> None:
    """Print an error on stderr, with the label in red on a terminal."""
    stream = sys.stderr if stream is None else stream
    line = fitted(f"{label}: {text}", stream).removeprefix(label)
    print(f"{styled(label, RED, use_color(stream))}{line}", file=stream, flush=True)


def fitted(text: str, stream: TextIO, indent: int | None = None) -> str:
    """Return lines as a terminal shows them best: wrapped between words, in signs that it has. A pipe gets all of them.

    A word is never cut, so that a path or a name can be copied. indent: columns before a continued line; by default,
    two more than before its beginning.
    """
    text = in_own_signs(text, stream)
    if not stream.isatty():
        return text
    width = columns(stream)
    return "\n".join(_wrapped(line, width, indent) if len(line) > width else line for line in text.split("\n"))


def in_own_signs(text: str, stream: TextIO) -> str:
    """Replace charlm's signs that the encoding of a stream lacks: 1 × gru is 1 x gru in ASCII."""
    for sign, pattern in _SIGNS.items():
        try:
            sign.encode(stream.encoding or "utf-8")
        except (UnicodeEncodeError, LookupError):
            text = re.sub(pattern, _IN_ASCII[sign], text)
    return text


def columns(stream: TextIO) -> int:
    """Return the width of the terminal that a stream writes to; the variable COLUMNS comes first."""
    with suppress(KeyError, ValueError):
        if (width := int(os.environ["COLUMNS"])) > 0:
            return width
    with suppress(OSError, ValueError):
        if (width := os.get_terminal_size(stream.fileno()).columns) > 0:
            return width
    return 80


def use_color(stream: TextIO) -> bool:
    """Whether to color what a stream shows: on a terminal, unless NO_COLOR is set, and everywhere with FORCE_COLOR."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb" and sys.platform != "win32"


def styled(text: str, style: str, color: bool | None) -> str:
    """Return a text in a style, or unchanged without `color`."""
    return f"\x1b[{style}m{text}\x1b[0m" if color else text


def _wrapped(line: str, width: int, indent: int | None) -> str:
    if indent is None:
        indent = len(line) - len(line.lstrip()) + 2
    wrapper = textwrap.TextWrapper(max(width, _NARROWEST), subsequent_indent=" " * indent)
    wrapper.break_long_words = wrapper.break_on_hyphens = False
    return wrapper.fill(line)


def say_renamed(former: str, current: str, quiet: bool) -> None:
    """Print that an old spelling of the command line has another name, by which it is replaced in this release."""
    say(f"{former} is now {current}; the old name will go in {_RENAMED_UNTIL}", quiet)


@contextmanager
def result_in(path: Path | None) -> Iterator[None]:
    """Write the result to a file, which appears when it is complete, and its path to stdout; None changes nothing."""
    if path is None:
        yield
        return
    stdout = sys.stdout
    with open_atomic(path) as file:
        sys.stdout = io.TextIOWrapper(file, "utf-8", _BYTES, newline="\n", write_through=True)
        try:
            yield
        finally:
            with suppress(OSError):  # the block has failed already
                sys.stdout.detach()
            sys.stdout = stdout
    write(f"{path}\n")


def can_redraw(console: "Console") -> bool:
    """Whether the console is a terminal that can move the cursor and show Unicode; FORCE_COLOR makes no terminal."""
    return console.file.isatty() and not console.is_dumb_terminal and console.encoding.lower().startswith("utf")
