"""Lines that begin with their label and a space: `1 a stirring film`, or `DESC:manner How did it develop ?`.

A label such as `DESC:manner` has a coarse part before the colon, which is the label, and a fine one. The column `label`
is the coarse part, and `fine` is the whole.
"""

import re
from collections.abc import Iterator

from charlm.errors import CorpusError
from charlm.examples import AUTO, Columns, Labeled
from charlm.examples.formats import (
    MOST_KINDS,
    Format,
    Recognition,
    is_auto,
    is_kind,
    kinds_in_words,
    nearly_all,
    several_kinds,
)
from charlm.examples.source import Source, checked_label, checked_text

_LINE = re.compile(r"([^ \t]+) +([^ \t].*)")
_TWO_PARTS = re.compile(r"[A-Za-z_]+:[A-Za-z_]+")
_WORDS = {"positive", "negative", "neutral", "pos", "neg", "spam", "ham"}


class FirstWord(Format):
    """One text per line, after its label and a space."""

    order = 90
    tasks = ("classify",)

    def recognize(self, source: Source, task: str, columns: Columns) -> Recognition | None:
        if columns.label not in (None, "label", "fine"):
            return None
        lines = source.filled
        parts = [match for match in map(_LINE.fullmatch, lines) if match]
        if not nearly_all(lines, len(parts)):
            return None
        words = [match[1] for match in parts]
        if nearly_all(words, sum(bool(_TWO_PARTS.fullmatch(word)) for word in words)):
            coarse = [word.partition(":")[0] for word in words]
            if is_kind(coarse) and several_kinds(coarse):
                label = columns.label or "label"
                rest = " before the colon" if label == "label" else ""
                reason = f"every line begins with a label, such as {words[0]!r}; the label is the part{rest}"
                if label == "fine":
                    reason = f"every line begins with a label, such as {words[0]!r}, which is read whole"
                return Recognition("classify", reason, Columns(label=label))
        if columns.label == "label":
            return None
        texts = [match[2] for match in parts]
        if is_auto(task):
            is_label = is_kind(words) and several_kinds(words) and _look_like_labels(set(words))
            if not is_label or not nearly_all(texts, sum(any(map(str.isalpha, text)) for text in texts)):
                return None
        elif len(set(words)) > MOST_KINDS or 2 * len(set(words)) > len(words):
            return None
        reason = f"every line begins with one of {kinds_in_words(source, words)}"
        return Recognition("classify", reason, Columns(label="fine"))

    def examples(self, source: Source, task: str, columns: Columns, notes: list[str]) -> Iterator[Labeled]:
        for where, line in source.numbered():
            match = _LINE.fullmatch(line)
            if not match:
                raise CorpusError(f"{where} is not a label, a space, and a text; write both, or remove the line")
            label = match[1] if columns.label == "fine" else match[1].partition(":")[0]
            yield Labeled(checked_text(where, match[2]), (checked_label(where, label),), where)

    def inputs(self, source: Source, task: str, columns: Columns) -> Iterator[Labeled]:
        """Yield each line, without its first word if the whole file has labels there."""
        parts = [_LINE.fullmatch(line) for line in source.lines]
        two = sum(bool(match and _TWO_PARTS.fullmatch(match[1])) for match in parts)
        has_labels = nearly_all(source.filled, two) or self.recognize(source, AUTO, columns) is not None
        for number, (line, match) in enumerate(zip(source.lines, parts, strict=True), 1):
            yield Labeled(match[2] if has_labels and match else line, (), source.at(number))


def _look_like_labels(words: set[str]) -> bool:
    """Return whether first words of lines cannot be those of plain text, whose lines may begin alike by chance."""
    if words <= _WORDS or words in ({"-1", "1"}, {"-1", "0", "1"}, {"-1", "+1"}):
        return True
    return words == set(map(str, range(len(words))))
