"""TSV without a header: a label and a text, a text and a label, or a source and a target.

If one column has few different values, they are labels. If the values of both differ, each line is a pair.
"""

from collections.abc import Iterator, Sequence

from charlm.errors import CorpusError
from charlm.examples import Columns, Example, Labeled, Pair
from charlm.examples.formats import Format, Recognition, by_number, is_diverse, is_kind, kinds_in_words, nearly_all
from charlm.examples.rows import TAB, Row, check_width, rows
from charlm.examples.source import LONGEST_LABEL, Source, checked_label, checked_text
from charlm.wording import quoted

_FEWEST = 10  # lines from which two columns are a pair; fewer are plain text, or need to be named
_TABLES = (".tsv", ".tab")


class TwoColumns(Format):
    """Two texts per line, with a tab between them. With numbers of columns, a line may have more."""

    order = 80
    tasks = ("classify", "pair")

    def recognize(self, source: Source, task: str, columns: Columns) -> Recognition | None:
        if not by_number(columns, "text", "label", "source", "target"):
            return None
        lines = [line for line in source.filled if TAB in line]
        width = 2
        if columns.given():
            width = max(2, *map(int, columns.given().values()))
            fitting = [line.split(TAB) for line in lines if line.count(TAB) >= width - 1]
        else:
            fitting = [fields for line in lines if line.count(TAB) == 1 and all(fields := line.split(TAB))]
        if not nearly_all(source.filled, len(fitting), task) or source.filled[0].split(TAB) != fitting[0]:
            return None  # the first line of prose above a table does not fit
        if task == "pair":
            chosen = Columns(source=int(columns.source or 1), target=int(columns.target or 2))
            return Recognition("pair", "each line has two columns", chosen)
        left, right = ([fields[index] for fields in fitting] for index in (0, 1))
        kinds = _is_label(left), _is_label(right)
        if task == "classify":
            return Recognition(task, "each line has two columns", _labels_of(source, columns, kinds, left, right))
        if kinds[0] != kinds[1]:
            labels = left if kinds[0] else right
            which = "first" if kinds[0] else "second"
            chosen = Columns(text=1 + kinds[0], label=2 - kinds[0])
            reason = f"the {which} of two columns has {kinds_in_words(source, labels)}"
            return Recognition("classify", reason, chosen)
        if len(fitting) >= _FEWEST and is_diverse(left) and is_diverse(right):
            return Recognition("pair", "each line has two columns, which differ", Columns(source=1, target=2))
        if len(fitting) < 2 or (len(fitting) < _FEWEST and source.suffix not in _TABLES):
            return None
        raise CorpusError(
            f"{source.name} has two columns, which may be a text and its label, or a source and its target",
            remedy="name_task",
            first="classify",
            second="pair",
        )

    def examples(self, source: Source, task: str, columns: Columns, notes: list[str]) -> Iterator[Example]:
        first, second = (columns.text, columns.label) if task == "classify" else (columns.source, columns.target)
        one, other = int(first or 1), int(second or 2)
        width = 0
        for row in rows(source, TAB):
            width = width or max(one, other, len(row.fields))
            check_width(row, width, "each other line")
            left, right = row.fields[one - 1], row.fields[other - 1]
            if task == "classify":
                yield Labeled(checked_text(row.where, left), (checked_label(row.where, right),), row.where)
            else:
                yield Pair(_source(row, left), checked_text(row.where, right, "a target"), row.where)

    def inputs(self, source: Source, task: str, columns: Columns) -> Iterator[Example]:
        """Yield the column of the input of a line with a tab, and any other line whole."""
        wanted = int((columns.text if task == "classify" else columns.source) or 1)
        for number, line in enumerate(source.lines, 1):
            fields = line.split(TAB)
            text = fields[wanted - 1] if len(fields) > 1 and wanted <= len(fields) else line
            where = source.at(number)
            yield Labeled(text, (), where) if task == "classify" else Pair(text, "", where)


def _is_label(values: Sequence[str]) -> bool:
    return is_kind(values) and all(len(value) <= LONGEST_LABEL for value in set(values))


def _labels_of(
    source: Source, columns: Columns, kinds: tuple[bool, bool], left: Sequence[str], right: Sequence[str]
) -> Columns:
    """Return the columns of text and label for a user who asks for labels."""
    if columns.label is not None or columns.text is not None:
        label = int(columns.label or (2 if int(columns.text or 0) == 1 else 1))
        return Columns(text=int(columns.text or (2 if label == 1 else 1)), label=label)
    fewer_left, fewer_right = len(set(left)), len(set(right))
    if kinds[0] == kinds[1] and fewer_left == fewer_right:
        raise CorpusError(
            f"the labels of {source.name} may be in column 1, such as {quoted(left[0])}, or in column 2, such as"
            f" {quoted(right[0])}",
            remedy="name_column",
            column="label",
            name="1",
        )
    is_left = kinds[0] if kinds[0] != kinds[1] else fewer_left < fewer_right
    return Columns(text=1 + is_left, label=2 - is_left)


def _source(row: Row, text: str) -> str:
    if not text.strip():
        raise CorpusError(f"{row.where} has an empty source; write one, or remove the line")
    return checked_text(row.where, text, "a source")
