"""Tab-separated values: the dialect of every table that charlm writes.

A row is a line, and tabs separate its fields. Inside a field, a tab, a newline, and a carriage return are written as
\\t, \\n, and \\r, and a backslash is doubled. Then a field that begins with a quotation mark is quoted, and each
quotation mark in it is doubled, since readers of CSV take such a field for quoted. No other field is quoted.
"""

import re
from collections.abc import Iterable

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')


def row(fields: Iterable[str]) -> str:
    """Return a line, with its newline."""
    return "\t".join(map(_written, fields)) + "\n"


def split(line: str) -> list[str]:
    """Return the fields of a line of a file that a person or another program may have written.

    Only a field that is quoted from its beginning to its end, with every quotation mark inside doubled, loses the
    quotes. A backslash is a backslash.
    """
    return [_unquoted(field) for field in line.split("\t")]


def _written(text: str) -> str:
    escaped = text.translate(_ESCAPES)
    return '"' + escaped.replace('"', '""') + '"' if escaped.startswith('"') else escaped


def _unquoted(field: str) -> str:
    quoted = _QUOTED.fullmatch(field)
    return quoted[1].replace('""', '"') if quoted else field
