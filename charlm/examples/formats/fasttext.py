"""Lines of fastText: `__label__spam __label__en the text`."""

from collections.abc import Iterator

from charlm.errors import CorpusError
from charlm.examples import Columns, Labeled
from charlm.examples.formats import Format, Recognition, nearly_all
from charlm.examples.source import Source, checked_label, checked_text

_PREFIX = "__label__"


class FastText(Format):
    """One text per line, after one label or more."""

    order = 10
    tasks = ("classify",)

    def recognize(self, source: Source, task: str, columns: Columns) -> Recognition | None:
        lines = source.filled
        if not nearly_all(lines, sum(line.startswith(_PREFIX) for line in lines), task):
            return None
        return Recognition("classify", f"every line begins with {_PREFIX}", columns)

    def examples(self, source: Source, task: str, columns: Columns, notes: list[str]) -> Iterator[Labeled]:
        for where, line in source.numbered():
            labels, text = _split(line)
            if not labels:
                raise CorpusError(f"{where} does not begin with {_PREFIX}; give the line a label, or remove it")
            yield Labeled(
                checked_text(where, text), tuple(dict.fromkeys(checked_label(where, each) for each in labels)), where
            )

    def inputs(self, source: Source, task: str, columns: Columns) -> Iterator[Labeled]:
        for number, line in enumerate(source.lines, 1):
            yield Labeled(_split(line)[1] if line.startswith(_PREFIX) else line, (), source.at(number))


def _split(line: str) -> tuple[list[str], str]:
    """Return the labels at the beginning of a line, and its text."""
    labels = []
    text = line
    while text.startswith(_PREFIX):
        word, _, text = text.partition("\t" if "\t" in text and " " not in text.partition("\t")[0] else " ")
        labels.append(word.removeprefix(_PREFIX))
        text = text.lstrip(" \t")
    return labels, text
