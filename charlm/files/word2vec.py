"""Read and write vectors of tokens in the text format of word2vec, which other programs use too.

    3 2                  number of vectors and their width; optional when reading, since GloVe's files lack this line
    king 0.25 -1.5
    \\x20 0.5 0.125      a token that is a space

Each line is a token, a space, and its numbers. Characters that would break the line are written as in Python's strings:
whitespace and unprintable characters as \\n, \\t, \\xHH, \\uHHHH or \\UHHHHHHHH, and a backslash as two. When reading,
a backslash that starts none of these is a plain backslash. A token that is not UTF-8 matches none of a model, and is
counted.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charlm.errors import ConfigError
from charlm.files import decoding
from charlm.files.atomic import write_atomic
from charlm.files.line_ends import FROM_CR
from charlm.files.origin import Origin
from charlm.files.reading import read_errors

_ESCAPE = re.compile(r"\\(\\|n|t|r|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})")
_PLAIN = {"\\": "\\", "n": "\n", "t": "\t", "r": "\r"}
_MAX_WIDTH = 65_536  # numbers in a vector
_MAX_LINE = 2**22  # bytes
_GZIP = b"\x1f\x8b"


def write(path: Path, tokens: Sequence[str], matrix: NDArray[np.float32]) -> None:
    """Write vectors (n, E) with enough digits that `read` returns the same numbers. Raises OSError."""
    lines = [f"{len(tokens)} {matrix.shape[1]}"]
    for name, row in zip(tokens, matrix.tolist(), strict=True):
        lines.append(" ".join([escaped(name), *(f"{value:.9g}" for value in row)]))
    write_atomic(path, ("\n".join(lines) + "\n").encode("utf-8"))


class Vectors(NamedTuple):
    """The vectors of some tokens in a file: `matrix` (n, E), with zeros where `known` (n,) is false."""

    matrix: NDArray[np.float32]
    known: NDArray[np.bool_]
    not_utf8: int = 0  # tokens of the file


def read(path: Path, tokens: Sequence[str | None]) -> Vectors:
    """Read the vectors of these tokens, and ignore all others in the file. None is never found.

    If a token has two vectors, the first counts. Raises ConfigError, which names the line, if the file cannot be read
    or is not a file of vectors.
    """
    indices = {name: index for index, name in enumerate(tokens) if name is not None}
    with _errors(path), path.open("rb") as file:
        _check_text(path, file.peek())
        return _read(path, iter(lambda: file.readline(_MAX_LINE), b""), indices, len(tokens))


def require(path: Path) -> None:
    """Raise ConfigError if a file of vectors does not exist."""
    with _errors(path):
        path.stat()


def _errors(path: Path) -> AbstractContextManager[None]:
    return read_errors(path, ConfigError, "; name a file of vectors")


def _check_text(path: Path, beginning: bytes) -> None:
    """Raise ConfigError for a file that begins like no text, with the command that makes one of it."""
    origin = Origin(str(path), is_file=True)
    if beginning.startswith(_GZIP):
        raise ConfigError(f"{path} is compressed; unpack it: {origin.through('gzip -dc')}")
    decoding.refuse_other_encoding(origin, beginning, ConfigError)
    if decoding.is_binary(beginning):
        raise ConfigError(f"{path} is a binary file; it must be in the text format of word2vec")
    if b"\r" in beginning and b"\n" not in beginning:
        raise ConfigError(f"the lines of {path} end in CR alone; convert it: {origin.through(FROM_CR)}")


def _read(path: Path, lines: Iterator[bytes], indices: Mapping[str, int], size: int) -> Vectors:
    first = next(lines, b"").removeprefix(decoding.MARK)
    promised, width, number = None, len(first.split()) - 1, 0
    if width == 1 and all(each.isdigit() for each in first.split()):
        promised, width, number = *map(int, first.split()), 1
    else:
        lines = chain([first], lines)
    if not 1 <= width <= _MAX_WIDTH:
        raise ConfigError(f"{path} has no vectors in its first line; it must be in the text format of word2vec")
    matrix, known = np.zeros((size, width), dtype=np.float32), np.zeros(size, dtype=bool)
    rows = not_utf8 = 0
    for line in lines:
        number, rows = number + 1, rows + 1
        name, *values = line.rstrip(b" \r\n").rsplit(b" ", width)
        if len(values) != width or _is_number(name.rpartition(b" ")[2], name):
            numbers = len(line.split()) - 1
            raise ConfigError(
                f"line {number:,} of {path} has {max(0, numbers):,} numbers after its token, not {width:,}"
            )
        try:
            index = indices.get(_plain(name.decode()))
        except UnicodeDecodeError:
            index, not_utf8 = None, not_utf8 + 1
        if index is None or known[index]:
            continue
        try:
            matrix[index] = np.array(values, dtype=np.float32)
        except ValueError:
            matrix[index] = np.nan
        if not np.isfinite(matrix[index]).all():
            raise ConfigError(f"line {number:,} of {path} has a value that is not a finite number")
        known[index] = True
    if promised not in (None, rows):
        raise ConfigError(f"{path} has {rows:,} vectors, but its first line says {promised:,}; the file is incomplete")
    return Vectors(matrix, known, not_utf8)


def _is_number(last: bytes, name: bytes) -> bool:
    """Return whether the last part of a name is a number too many. A name that is only a number is a token."""
    with suppress(ValueError):
        return last != name and math.isfinite(float(last))
    return False


def escaped(token: str) -> str:
    """Return a token as a line contains it."""
    return "".join(
        _code(each) if each.isspace() or not each.isprintable() else each for each in token.replace("\\", "\\\\")
    )


def _code(character: str) -> str:
    return "\\x20" if character == " " else ascii(character)[1:-1]


def _plain(text: str) -> str:
    """Return the token that `escaped` turns into this text."""
    return _ESCAPE.sub(lambda match: _PLAIN.get(match[1]) or chr(int(match[1][1:], 16)), text)
