"""A wide table of series, as in the M4 competition: one series per row, its name in the first column.

Empty fields at the end of a row belong to no series. The header has numbers, such as V1, V2, V3, or times.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from charlm.errors import CorpusError
from charlm.examples import Columns, Series
from charlm.examples.formats import Format, Recognition, is_auto, nearly_all
from charlm.examples.numbers import is_number, number
from charlm.examples.rows import Row, Table, rows, sample, table
from charlm.examples.source import Source, checked_label
from charlm.examples.times import is_date, order
from charlm.wording import quoted

_NUMBERED = re.compile(r"(.*?)(\d+)", re.ASCII)
_FEWEST = 3  # values of a row
_SAMPLE = 200


class SeriesWide(Format):
    """One series per row."""

    order = 60
    tasks = ("series",)

    def recognize(self, source: Source, task: str, columns: Columns) -> Recognition | None:
        header = table(source)
        if header is None or columns.given() or len(header.header) <= _FEWEST or not _is_sequence(header.header[1:]):
            return None
        body = [row.fields for row in sample(source, header.delimiter, _SAMPLE)[1:]]
        with_values = [fields for fields in body if _is_series(fields, len(header.header))]
        names = [fields[0] for fields in with_values]
        if not nearly_all(body, len(with_values)) or (is_auto(task) and len(set(names)) < len(names)):
            return None
        return Recognition("series", "each row has a name and numbers")

    def examples(self, source: Source, task: str, columns: Columns, notes: list[str]) -> Iterator[Series]:
        header = table(source)
        if header is None:
            raise CorpusError(f"{source.name} is not a table: its first line has one column")
        times = _times(header)
        known: dict[str, Row] = {}
        for row in rows(source, header.delimiter):
            if row.where == header.where:
                continue
            name = checked_label(row.where, row.fields[0], "name of a series")
            if name in known:
                raise CorpusError(
                    f"{row.where} has the series {quoted(name)} again, after line {known[name].where.line}; name it"
                    " otherwise"
                )
            known[name] = row
            yield _series(row, name, times)

    def inputs(self, source: Source, task: str, columns: Columns) -> Iterator[Series]:
        return self.examples(source, task, columns, [])


def _is_series(fields: Sequence[str], width: int) -> bool:
    """Return whether a row has a name, then numbers, then only empty fields."""
    values = [field.strip() for field in fields[1:]]
    while values and not values[-1]:
        values.pop()
    return (
        len(fields) <= width
        and not is_number(fields[0])
        and not is_date(fields[0])
        and len(values) > 0
        and sum(is_number(value) or not value for value in values) >= 0.9 * len(values)
    )


def _is_sequence(header: Sequence[str]) -> bool:
    """Return whether the names of columns are numbered without a gap, or are times."""
    matches = [_NUMBERED.fullmatch(name) for name in header]
    numbered = [(match[1], int(match[2])) for match in matches if match and len(match[2]) < 10]
    if len(numbered) == len(header) and len({prefix for prefix, _ in numbered}) == 1:
        first = numbered[0][1]
        if [number for _, number in numbered] == list(range(first, first + len(header))):
            return True
    return all(map(is_date, header))


def _times(header: Table) -> tuple[str, ...]:
    """Return the times of the columns: those that the header names, or numbers from 1."""
    names = header.header[1:]
    if all(map(is_date, names)):
        order([header.where] * len(names), names)
        return tuple(names)
    return tuple(names) if all(map(str.isdecimal, names)) else tuple(map(str, range(1, len(names) + 1)))


def _series(row: Row, name: str, times: tuple[str, ...]) -> Series:
    texts = [field.strip() for field in row.fields[1:]]
    while texts and not texts[-1]:
        texts.pop()
    if not texts:
        raise CorpusError(f"{row.where} has no values of the series {quoted(name)}; add them, or remove the row")
    if len(texts) > len(times):
        raise CorpusError(f"{row.where} has {len(texts):,} values, and the header has {len(times):,}; correct the row")
    values = [number(row.where, text, f"value {index:,} of {quoted(name)}") for index, text in enumerate(texts, 1)]
    return Series(name, times[: len(values)], np.array(values), np.zeros((len(values), 0)), row.where)
