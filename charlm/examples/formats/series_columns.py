"""A table with one time step per row: a column of values, usually a column of times, and further numbers as inputs."""

from collections.abc import Iterator, Sequence

import numpy as np

from charlm.errors import CorpusError
from charlm.examples import AUTO, Columns, Series
from charlm.examples.formats import Format, Recognition, is_auto, nearly_all
from charlm.examples.numbers import is_number, number
from charlm.examples.rows import Row, Table, check_width, chosen, column, name_column, rows, sample, table
from charlm.examples.source import Source
from charlm.examples.times import is_date, order
from charlm.wording import listed, quoted

_VALUES = ("y", "value", "target")
_TIMES = ("ds", "date", "time", "timestamp", "datetime", "month", "year", "day", "hour", "week", "quarter", "step", "t")
_FEWEST = 5  # rows from which numbers are a series
_SAMPLE = 500
_MOST_OF = 0.8  # share of the fields from which a column of a table has numbers; the reader names the others
_TABLES = (".csv", ".tsv", ".tab")
_SHOWN = 6  # columns that an error lists


class SeriesColumns(Format):
    """One series, whose values are in a column; or one number per line."""

    order = 65
    tasks = ("series",)

    def recognize(self, source: Source, task: str, columns: Columns) -> Recognition | None:
        header = _header(source)
        if header is None or (is_auto(task) and (len(header.header) < 2 or _is_headerless(header))):
            return None
        body = [row.fields for row in _sample(source, header)]
        same = [fields for fields in body if len(fields) == len(header.header)]
        if not nearly_all(body, len(same), task) or (is_auto(task) and len(body) < _FEWEST):
            return None
        is_table = source.suffix in _TABLES
        kinds = [_kind([fields[index] for fields in same], is_table, task) for index in range(len(header.header))]
        if is_auto(task) and "other" in kinds:
            return None
        time = _time(header, kinds, columns)
        value = _value(source, header, kinds, time, columns, task)
        if value is None:
            return None
        name = _title(header, value)
        reason = f"column {quoted(name)} has numbers"
        if time is not None:
            reason += f", and column {quoted(_title(header, time))} has times"
        if _is_headerless(header):
            return Recognition("series", reason, Columns(time=None if time is None else time + 1, value=value + 1))
        return Recognition(
            "series", reason, Columns(time=None if time is None else header.header[time], value=header.header[value])
        )

    def examples(self, source: Source, task: str, columns: Columns, notes: list[str]) -> Iterator[Series]:
        header = _header(source)
        if header is None:
            raise CorpusError(f"{source.name} has no numbers")
        value = chosen(header.where, header.header, "value", columns.value or 1)
        time = None if columns.time is None else chosen(header.where, header.header, "time", columns.time)
        body, is_headerless = [], _is_headerless(header)
        for row in rows(source, header.delimiter):
            if row.where != header.where or is_headerless:
                check_width(row, len(header.header))
                body.append(row)
        if not body:
            raise CorpusError(f"{source.name} has no row below its header; add the values of the series")
        if time is not None:
            indices = order([row.where for row in body], [row.fields[time] for row in body])
            if indices != list(range(len(body))):
                notes.append(f"the rows of {source.name} are sorted by time")
            body = [body[index] for index in indices]
        others = [index for index in range(len(header.header)) if index not in (time, value)]
        numeric = [index for index in others if _kind([row.fields[index] for row in body[:_SAMPLE]]) == "number"]
        titles = [f"column {quoted(_title(header, index))}" for index in range(len(header.header))]
        values = [number(row.where, row.fields[value], titles[value]) for row in body]
        inputs = [[number(row.where, row.fields[index], titles[index]) for index in numeric] for row in body]
        if skipped := [titles[index] for index in others if index not in numeric]:
            notes.append(f"left out {listed(skipped)} of {source.name}, without numbers")
        times = tuple(str(index) if time is None else row.fields[time].strip() for index, row in enumerate(body, 1))
        matrix = np.array(inputs, float).reshape(len(body), len(numeric))
        yield Series(_title(header, value), times, np.array(values), matrix, body[0].where)

    def inputs(self, source: Source, task: str, columns: Columns) -> Iterator[Series]:
        return self.examples(source, task, columns, [])


def _header(source: Source) -> Table | None:
    """Return the header, or the first line if the file has one column."""
    if header := table(source):
        return header
    first = next(source.numbered(), None)
    return first and Table(",", [first[1].strip()], first[0])


def _is_headerless(header: Table) -> bool:
    """Return whether the first row has values, and no names."""
    return any(is_number(name) for name in header.header)


def _title(header: Table, index: int) -> str:
    """Name a column: by the header, or by its number."""
    return f"{index + 1}" if _is_headerless(header) else header.header[index]


def _sample(source: Source, header: Table) -> list[Row]:
    return sample(source, header.delimiter, _SAMPLE)[not _is_headerless(header) :]


def _kind(values: Sequence[str], is_table: bool = True, task: str = AUTO) -> str:
    """Return what a column has: "date", "number", or "other".

    In a file called a table, a few fields may be wrong, and half of them if the user names the task.
    """
    for kind, test in (("date", is_date), ("number", is_number)):
        matching = sum(map(test, values))
        if nearly_all(values, matching, task) or (is_table and matching > _MOST_OF * len(values)):
            return kind
    return "other"


def _time(header: Table, kinds: Sequence[str], columns: Columns) -> int | None:
    """Return the column of times, or None if each row is a step."""
    if columns.time is not None:
        return chosen(header.where, header.header, "time", columns.time)
    wanted = column(header.header, columns.value) if columns.value is not None else None
    likely = [index for index, name in enumerate(header.lower()) if name in _TIMES or kinds[index] == "date"]
    return next((index for index in likely if index != wanted and kinds[index] != "other"), None)


def _value(
    source: Source, header: Table, kinds: Sequence[str], time: int | None, columns: Columns, task: str
) -> int | None:
    """Return the column of values. Raises CorpusError if it is not clear which one it is."""
    if columns.value is not None:
        return chosen(header.where, header.header, "value", columns.value)
    numeric = [index for index, kind in enumerate(kinds) if kind == "number" and index != time]
    by_name = [index for index in numeric if header.lower()[index] in _VALUES]
    if len(numeric) == 1 or len(by_name) == 1:
        return (by_name or numeric)[0]
    if not numeric or (is_auto(task) and time is None and source.suffix not in _TABLES):
        return None
    shown = [quoted(_title(header, index)) for index in numeric[:_SHOWN]] + ["others"] * (len(numeric) > _SHOWN)
    raise name_column(
        f"{source.name} has {len(numeric)} columns of numbers, {listed(shown)}, and one of them is to be predicted",
        "value",
        _title(header, numeric[-1]),
    )
