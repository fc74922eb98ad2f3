"""TSV with three columns, as in UniMorph: a lemma, a form, and features such as `V;PST`, in either order.

The source is the lemma, a tab, and the features; the target is the form.
"""

from collections.abc import Iterator

from charlm.examples import Columns, Pair
from charlm.examples.formats import Format, Recognition, is_auto, nearly_all
from charlm.examples.rows import TAB, check_width, rows
from charlm.examples.source import Source, checked_text

_WIDTH = 3


class Features(Format):
    """A lemma and features to a form."""

    order = 54
    tasks = ("pair",)

    def recognize(self, source: Source, task: str, columns: Columns) -> Recognition | None:
        lines = [line.split(TAB) for line in source.filled]
        fitting = [fields for fields in lines if len(fields) == _WIDTH and all(fields)]
        if not nearly_all(lines, len(fitting), task) or (is_auto(task) and len(fitting) < 2):
            return None
        if columns.given():
            return None
        for index, target in ((2, 1), (1, 2)):
            values = [fields[index] for fields in fitting]
            with_features = sum(";" in value and " " not in value for value in values)
            if 10 * with_features >= 9 * len(values) or (not is_auto(task) and with_features):
                which = "last" if index == _WIDTH - 1 else "second"
                reason = f"the {which} of three columns has features with semicolons"
                return Recognition("pair", reason, Columns(target=target + 1))
        return None

    def examples(self, source: Source, task: str, columns: Columns, notes: list[str]) -> Iterator[Pair]:
        target = int(columns.target or 2) - 1
        for row in rows(source, TAB):
            check_width(row, _WIDTH, "each other line")
            rest = TAB.join(row.fields[:target] + row.fields[target + 1 :])
            yield Pair(
                checked_text(row.where, rest, "a source"), checked_text(row.where, row.fields[target]), row.where
            )

    def inputs(self, source: Source, task: str, columns: Columns) -> Iterator[Pair]:
        """Yield the lemma and the features of a line with three columns, and any other line whole."""
        target = int(columns.target or 2) - 1
        for number, line in enumerate(source.lines, 1):
            fields = line.split(TAB)
            text = TAB.join(fields[:target] + fields[target + 1 :]) if len(fields) == _WIDTH else line
            yield Pair(text, "", source.at(number))
