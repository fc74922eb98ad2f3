"""A long table of series, as in Nixtla's tools: `unique_id,ds,y`, one value per row."""

from collections.abc import Iterator

import numpy as np

from charlm.errors import CorpusError
from charlm.examples import Columns, Series
from charlm.examples.formats import Format, Recognition, is_auto
from charlm.examples.numbers import is_number, number
from charlm.examples.rows import Row, Table, check_width, chosen, rows, sample, table
from charlm.examples.source import Source, checked_label
from charlm.examples.times import is_time, order
from charlm.wording import quoted

_IDS = ("unique_id", "item_id", "series_id")
_TIMES = ("ds", "timestamp", "time", "date")
_VALUES = ("y", "target", "value")


class SeriesLong(Format):
    """Series of which each has a name in one column, and a value and a time in others; further numbers are inputs."""

    order = 50
    tasks = ("series",)

    def recognize(self, source: Source, task: str, columns: Columns) -> Recognition | None:
        header = table(source)
        if header is None or not any(name in _IDS for name in header.lower()):
            return None
        likely = (_likely(header, "time", columns), _likely(header, "value", columns))
        if None in likely:
            return None
        time, value = (header.header[index] for index in likely if index is not None)
        if is_auto(task):
            first = next(iter(sample(source, header.delimiter, 2)[1:]), None)
            indices = [index for index in likely if index is not None]
            if first is None or len(first.fields) <= max(indices):
                return None
            if not is_time(first.fields[indices[0]]) or not is_number(first.fields[indices[1]]):
                return None
        name = header.header[_index(header)]
        return Recognition(
            "series", f"the header has the columns {name!r}, {time!r} and {value!r}", Columns(time=time, value=value)
        )

    def examples(self, source: Source, task: str, columns: Columns, notes: list[str]) -> Iterator[Series]:
        header = table(source)
        if header is None or not any(name in _IDS for name in header.lower()):
            raise CorpusError(f"{source.name} has no column called {_IDS[0]!r}; add one with the name of each series")
        grouped: dict[str, list[Row]] = {}
        for row in rows(source, header.delimiter):
            if row.where != header.where:
                check_width(row, len(header.header))
                name = checked_label(row.where, row.fields[_index(header)], "name of a series")
                grouped.setdefault(name, []).append(row)
        for name, group in grouped.items():
            yield _series(header, name, group, columns, notes)

    def inputs(self, source: Source, task: str, columns: Columns) -> Iterator[Series]:
        return self.examples(source, task, columns, [])


def _index(header: Table) -> int:
    return next(index for index, name in enumerate(header.lower()) if name in _IDS)


def _likely(header: Table, role: str, columns: Columns) -> int | None:
    choice = getattr(columns, role)
    if choice is not None:
        return chosen(header.where, header.header, role, choice)
    names = _TIMES if role == "time" else _VALUES
    return next((header.lower().index(name) for name in names if name in header.lower()), None)


def _series(header: Table, name: str, group: list[Row], columns: Columns, notes: list[str]) -> Series:
    """Return a series, in the order of its times."""
    time, value = (chosen(header.where, header.header, role, getattr(columns, role)) for role in ("time", "value"))
    places = [row.where for row in group]
    indices = order(places, [row.fields[time] for row in group])
    if indices != list(range(len(group))):
        notes.append(f"the rows of series {quoted(name)} are sorted by time")
    others = [index for index in range(len(header.header)) if index not in (_index(header), time, value)]
    numeric = [index for index in others if all(is_number(row.fields[index]) for row in group[:100])]
    group = [group[index] for index in indices]
    titles = [f"column {quoted(title)}" for title in header.header]
    values = [number(row.where, row.fields[value], titles[value]) for row in group]
    inputs = [[number(row.where, row.fields[index], titles[index]) for index in numeric] for row in group]
    matrix = np.array(inputs, float).reshape(len(group), len(numeric))
    return Series(name, tuple(row.fields[time].strip() for row in group), np.array(values), matrix, places[0])
