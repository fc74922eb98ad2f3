"""Rows of a table: CSV, whose fields may be quoted and may hold newlines, and TSV, in which quotes mean nothing."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from charlm.errors import CorpusError
from charlm.examples import Place
from charlm.examples.source import LONGEST_TEXT, Source, few_columns
from charlm.wording import listed, nearest, plural, quoted, shell_word

TAB = "\t"
_MOST_NAMES = 12  # of the columns that an error lists


class Row(NamedTuple):
    """The fields of a row; a blank line has none."""

    where: Place
    fields: list[str]


class Table(NamedTuple):
    """A header and the rows below it."""

    delimiter: str
    header: list[str]
    where: Place  # the header

    def lower(self) -> list[str]:
        """Return the names of the columns in lower case."""
        return [name.lower() for name in self.header]


def table(source: Source) -> Table | None:
    """Return the header of a table, if the first line that is not blank has two fields or more."""
    for where, line in source.numbered():
        delimiter = next((each for each in (TAB, ",", ";") if each in line), None)
        if delimiter is None:
            return None
        first = next(iter(sample(source, delimiter, 1)), Row(where, [line]))
        return Table(delimiter, [name.strip() for name in first.fields], first.where)
    return None


def sample(source: Source, delimiter: str, count: int) -> list[Row]:
    """Return the first rows of what may be a table, up to an error."""
    read = _tsv(source) if delimiter == TAB else _csv(source, delimiter)
    first: list[Row] = []
    with suppress(CorpusError):
        first.extend(islice((row for row in read if any(row.fields)), count))
    return first


def rows(source: Source, delimiter: str, *, blank: bool = False) -> Iterator[Row]:
    """Yield the rows of a table with their places. blank: yield a row without fields for a blank line.

    Raises CorpusError for a quotation mark that is not closed or is inside a field, and for a field or a row that is
    too long. If the text is cut, its last row may be missing.
    """
    read = _tsv(source) if delimiter == TAB else _csv(source, delimiter)
    for row in read:
        if any(row.fields):
            few_columns(row.where, len(row.fields))
            yield row
        elif blank:
            yield Row(row.where, [])


def _tsv(source: Source) -> Iterator[Row]:
    for number, line in enumerate(source.lines, 1):
        if TAB in line or (line and not line.isspace()):
            yield Row(source.at(number), line.split(TAB))
        else:
            yield Row(source.at(number), [])


def _csv(source: Source, delimiter: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(source.text, newline=""), delimiter=delimiter, strict=True)
    while True:
        where = source.at(reader.line_num + 1)
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if source.is_cut:
                return
            raise CorpusError(_csv_problem(where, str(error))) from None
        yield Row(where, fields)


def _csv_problem(where: Place, message: str) -> str:
    if "field limit" in message:
        return (
            f"{where} begins a row with a field of more than {LONGEST_TEXT:,} characters; shorten it, or look for a"
            " quotation mark that is not closed"
        )
    if "unexpected end" in message:
        return f"{where} begins a row with a quotation mark that is not closed; close it"
    return f'{where} has a quotation mark inside a quoted field; write "" for it'


def column(header: Sequence[str], choice: str | int) -> int | None:
    """Return the index of a column that a user chose by its name or by its number, or None."""
    if isinstance(choice, str):
        if choice in header:
            return header.index(choice)
        lower = [name.lower() for name in header]
        if choice.lower() in lower:
            return lower.index(choice.lower())
        if not choice.isdecimal():
            return None
    return int(choice) - 1 if 0 < int(choice) <= len(header) else None


def chosen(where: Place, header: Sequence[str], role: str, choice: str | int) -> int:
    """Return the index of a column that a user chose. Raises CorpusError if the table has no such column."""
    index = column(header, choice)
    if index is None:
        near = nearest(str(choice), header)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {names(header)}"
        raise CorpusError(f"{where.file} has no column {choice!r} for {role}_column; {hint}")
    return index


def names(header: Sequence[str]) -> str:
    """Name the columns of a table in a sentence."""
    shown = [quoted(name) for name in header[:_MOST_NAMES]]
    if further := len(header) - len(shown):
        shown.append(f"{further:,} more")
    return f"the columns {listed(shown)}"


def name_column(message: str, role: str, example: str) -> CorpusError:
    """Return an error whose remedy is to name a column, such as `example`."""
    return CorpusError(message, remedy="name_column", column=role, name=shell_word(example))


def check_width(row: Row, count: int, what: str = "the header") -> None:
    """Raise CorpusError unless a row has as many columns as the header."""
    if len(row.fields) != count:
        raise CorpusError(
            f"{row.where} has {plural(len(row.fields), 'column')}, and {what} has {count:,}; correct or remove the row"
        )
