"""Vectors of symbols in the text format of word2vec, which other programs read and write.

    3 2                  how many, and how wide; a file without this line, as GloVe has it, is read as well
    king 0.25 -1.5
    \\x20 0.5 0.125      a symbol that is a space

A symbol stands before its numbers, with a space between. What would break a line is written as in Python's strings:
whitespace and what is not printed as \\n, \\t, \\xHH, \\uHHHH or \\UHHHHHHHH, and a backslash twice. A backslash that
begins none of these stands for itself.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charlm.errors import ConfigError
from charlm.files.atomic import write_atomic
from charlm.files.reading import read_errors

_ESCAPE = re.compile(r"\\(\\|n|t|r|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})")
_PLAIN = {"\\": "\\", "n": "\n", "t": "\t", "r": "\r"}
_WIDEST = 65_536  # numbers of a vector
_LONGEST = 2**22  # bytes of a line


def write(path: Path, symbols: Sequence[str], matrix: NDArray[np.float32]) -> None:
    """Write vectors (n, E) as they are: read back, each number is the same. Raises OSError."""
    lines = [f"{len(symbols)} {matrix.shape[1]}"]
    for name, row in zip(symbols, matrix.tolist(), strict=True):
        lines.append(" ".join([escaped(name), *(f"{value:.9g}" for value in row)]))
    write_atomic(path, ("\n".join(lines) + "\n").encode("utf-8"))


class Vectors(NamedTuple):
    """What a file has of some symbols: `matrix` (n, E), with zeros where `known` (n,) is false."""

    matrix: NDArray[np.float32]
    known: NDArray[np.bool_]


def read(path: Path, symbols: Sequence[str | None]) -> Vectors:
    """The vectors of these symbols; what else is in the file is passed over, and None is never in it.

    Raises ConfigError, with the line, for a file that cannot be read or is none of vectors. Of two of one symbol the
    first counts.
    """
    place = {name: index for index, name in enumerate(symbols) if name is not None}
    with read_errors(path, ConfigError, "; name a file of vectors"), path.open("rb") as file:
        return _read(path, iter(lambda: file.readline(_LONGEST), b""), place, len(symbols))


def _read(path: Path, lines: Iterator[bytes], place: Mapping[str, int], size: int) -> Vectors:
    first = next(lines, b"")
    promised, width, number = None, len(first.split()) - 1, 0
    if width == 1 and all(each.isdigit() for each in first.split()):
        promised, width, number = *map(int, first.split()), 1
    else:
        lines = chain([first], lines)
    if not 1 <= width <= _WIDEST:
        raise ConfigError(f"{path} has no vectors in its first line; it should be in the text format of word2vec")
    matrix, known = np.zeros((size, width), dtype=np.float32), np.zeros(size, dtype=bool)
    rows = 0
    for line in lines:
        number, rows = number + 1, rows + 1
        name, *values = line.rstrip(b" \r\n").rsplit(b" ", width)
        if len(values) != width or _is_number(name.rpartition(b" ")[2], name):
            numbers = len(line.split()) - 1
            raise ConfigError(
                f"line {number:,} of {path} has {max(0, numbers):,} numbers after its symbol, not {width:,}"
            )
        index = place.get(_plain(name.decode("utf-8", "replace")))
        if index is None or known[index]:
            continue
        try:
            matrix[index] = np.array(values, dtype=np.float32)
        except ValueError:
            matrix[index] = np.nan
        if not np.isfinite(matrix[index]).all():
            raise ConfigError(f"line {number:,} of {path} has something else than finite numbers")
        known[index] = True
    if promised not in (None, rows):
        raise ConfigError(f"{path} has {rows:,} vectors where its first line says {promised:,}; it is not whole")
    return Vectors(matrix, known)


def _is_number(last: bytes, name: bytes) -> bool:
    """Whether what should be the end of a symbol is one number too many; a symbol that is a number is none."""
    with suppress(ValueError):
        return last != name and math.isfinite(float(last))
    return False


def escaped(symbol: str) -> str:
    """A symbol as it stands in a line."""
    return "".join(
        _code(each) if each.isspace() or not each.isprintable() else each for each in symbol.replace("\\", "\\\\")
    )


def _code(character: str) -> str:
    return "\\x20" if character == " " else ascii(character)[1:-1]


def _plain(text: str) -> str:
    """The symbol that `escaped` made this of."""
    return _ESCAPE.sub(lambda found: _PLAIN.get(found[1]) or chr(int(found[1][1:], 16)), text)
