"""CSV and TSV with a header: a column of texts and one of labels, or a column of sources and one of targets."""

from collections.abc import Iterator, Sequence

from charlm.errors import CorpusError
from charlm.examples import AUTO, COLUMNS_OF, Columns, Example, Labeled, Pair, Place
from charlm.examples.formats import (
    LABEL_NAMES,
    SOURCE_NAMES,
    TARGET_NAMES,
    TEXT_NAMES,
    Format,
    Recognition,
    is_auto,
    is_kind,
)
from charlm.examples.numbers import is_number, measurement
from charlm.examples.rows import TAB, Row, Table, check_width, chosen, column, name_column, names, rows, sample, table
from charlm.examples.source import Source, checked_label, checked_text
from charlm.wording import listed, plural, quoted

_NAMES = {"text": TEXT_NAMES, "label": LABEL_NAMES, "source": SOURCE_NAMES, "target": TARGET_NAMES}
_TABLES = (".csv", ".tsv", ".tab")
_SAMPLE = 1000  # rows that are looked at


class HeaderTable(Format):
    """Rows of columns, which the header names."""

    order = 55
    tasks = ("classify", "pair")

    def recognize(self, source: Source, task: str, columns: Columns) -> Recognition | None:
        header = table(source)
        if header is None:
            return None
        tasks = [each for each in self.tasks if task in (each, AUTO) and _has_columns(header, each)]
        if is_auto(task):
            body = _sample(source, header) if tasks else []
            is_table = source.suffix in _TABLES and len(source.filled) > 1  # the reader says which row is wrong
            if not tasks or not (is_table or (body and len(body[0].fields) == len(header.header))):
                return None
            if "pair" in tasks and body and all(is_number(field) for row in body for field in row.fields):
                return None  # a table of series
            if len(tasks) > 1:
                raise CorpusError(
                    f"{source.name} has columns for a text and its label, and columns for a source and its target",
                    remedy="name_task",
                    first="classify",
                    second="pair",
                )
            return _recognition(header, tasks[0], columns, body)
        chosen_here = [choice for choice in (getattr(columns, role) for role in COLUMNS_OF[task]) if choice is not None]
        if not tasks and not chosen_here:
            if source.suffix not in _TABLES or (header.delimiter == TAB and len(header.header) == 2):
                return None  # another format may fit
        elif not tasks and header.delimiter == TAB and all(str(choice).isdecimal() for choice in chosen_here):
            return None  # numbers of columns, without a header
        elif not tasks and source.suffix not in _TABLES and column(header.header, chosen_here[0]) is None:
            return None
        return _recognition(header, task, columns, _sample(source, header))

    def examples(self, source: Source, task: str, columns: Columns, notes: list[str]) -> Iterator[Example]:
        header = table(source)
        if header is None:
            raise CorpusError(f"{source.name} is not a table: its first line has one column")
        roles = COLUMNS_OF[task]
        one, other = (_resolved(header, role, columns) for role in roles)
        empty: list[Place] = []
        is_headerless = isinstance(getattr(columns, roles[1]), int)
        for row in rows(source, header.delimiter):
            if row.where == header.where and not is_headerless:
                continue
            check_width(row, len(header.header))
            left, right = row.fields[one], row.fields[other]
            if not left.strip():
                empty.append(row.where)
            elif task == "classify":
                label = checked_label(row.where, right)
                yield Labeled(checked_text(row.where, left), (label,), row.where)
            else:
                left = checked_text(row.where, left, "a source")
                yield Pair(left, checked_text(row.where, right, "a target"), row.where)
        if empty:
            count = plural(len(empty), "row")
            notes.append(
                f"left out {count} of {source.name} whose {roles[0]} is empty, the first in line {empty[0].line}"
            )

    def inputs(self, source: Source, task: str, columns: Columns) -> Iterator[Example]:
        """Yield the text of each row if the header has its column; otherwise, each line is a text."""
        header, role = table(source), COLUMNS_OF[task][0]
        wanted = getattr(columns, role)
        index = None if header is None else column(header.header, wanted)
        if header is None or index is None or isinstance(wanted, int):
            yield from super().inputs(source, task, columns)
            return
        for row in rows(source, header.delimiter, blank=True):
            if row.where != header.where:
                text = row.fields[index] if index < len(row.fields) else ""
                yield Labeled(text, (), row.where) if task == "classify" else Pair(text, "", row.where)


def _has_columns(header: Table, task: str) -> bool:
    names = header.lower()
    return all(any(name in names for name in _NAMES[role]) for role in COLUMNS_OF[task])


def _recognition(header: Table, task: str, columns: Columns, body: Sequence[Row]) -> Recognition:
    """Choose the columns of a task. Raises CorpusError if there is none, or more than one."""
    one, other = COLUMNS_OF[task]
    indices = {role: _chosen(header, role, columns, body) for role in (one, other)}
    if indices[one] == indices[other]:
        raise name_column(
            f"column {quoted(header.header[indices[one]])} of {header.where.file} cannot be the {one} and the {other}",
            other,
            next((name for index, name in enumerate(header.header) if index != indices[one]), "NAME"),
        )
    values = [row.fields[indices[other]].strip() for row in body if len(row.fields) == len(header.header)]
    if task == "classify" and (index := measurement(values)) is not None:
        where = [row.where for row in body if len(row.fields) == len(header.header)][index]
        raise name_column(
            f"column {quoted(header.header[indices[other]])} of {header.where.file} has numbers such as"
            f" {values[index]} (line {where.line}), which are not labels",
            "label",
            "NAME",
        )
    shown = [header.header[indices[role]] for role in (one, other)]
    if _is_headerless(header, columns, body, *indices.values()):
        reason = f"columns {indices[one] + 1} and {indices[other] + 1} are the {one} and the {other}"
        return Recognition(task, reason, Columns(**{role: index + 1 for role, index in indices.items()}))
    reason = f"the header has the columns {listed([quoted(each) for each in shown])}"
    return Recognition(task, reason, Columns(**dict(zip((one, other), shown, strict=True))))


def _chosen(header: Table, role: str, columns: Columns, body: Sequence[Row]) -> int:
    choice = getattr(columns, role)
    if choice is not None:
        return chosen(header.where, header.header, role, choice)
    lower = header.lower()
    likely = [name for name in _NAMES[role] if name in lower]
    if role == "label":  # a column that is chosen for the text, or has nothing but different values, has no labels
        likely = [name for name in likely if column(header.header, columns.text or "") != lower.index(name)]
    if not likely:
        raise name_column(
            f"{header.where.file} has {names(header.header)}, of which none is called"
            f" {' or '.join(repr(name) for name in _NAMES[role][:3])}",
            role,
            header.header[-1 if role in ("label", "target") else 0] or "NAME",
        )
    if role == "label" and len(likely) > 1:
        shown = [quoted(header.header[lower.index(name)]) for name in likely]
        raise name_column(
            f"{header.where.file} has {len(likely)} columns that may have the labels, {listed(shown)}",
            role,
            header.header[lower.index(likely[0])],
        )
    return lower.index(likely[0])


def _resolved(header: Table, role: str, columns: Columns) -> int:
    return chosen(header.where, header.header, role, getattr(columns, role))


def _is_headerless(header: Table, columns: Columns, body: Sequence[Row], one: int, other: int) -> bool:
    """Return whether the first row, whose columns were chosen by number, is an example and not a header."""
    roles = [role for role in columns.given() if role in _NAMES]
    if not roles or not all(str(getattr(columns, role)).isdecimal() for role in roles):
        return False
    lower = header.lower()
    if any(lower[index] in known for index in (one, other) for known in _NAMES.values()):
        return False
    labels = [row.fields[other].strip() for row in body if len(row.fields) > other]
    return not is_kind(labels) or header.header[other] in labels


def _sample(source: Source, header: Table) -> list[Row]:
    """Return the first rows below the header."""
    return [row for row in sample(source, header.delimiter, _SAMPLE) if row.where != header.where]
