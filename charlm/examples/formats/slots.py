"""Tokens with their tags, then the label of the sentence: `to:O boston:B-city <=> flight`."""

from collections.abc import Iterator

from charlm.errors import CorpusError
from charlm.examples import Columns, Example, Labeled, Tagged
from charlm.examples.formats import Format, Recognition, nearly_all
from charlm.examples.source import Source, checked_label, checked_text
from charlm.wording import quoted

_SIGN = " <=> "


class Slots(Format):
    """One sentence per line: `token:TAG token:TAG <=> label`."""

    order = 40
    tasks = ("tag", "classify")

    def recognize(self, source: Source, task: str, columns: Columns) -> Recognition | None:
        lines = source.filled
        matching = sum(_SIGN in line and ":" in line.partition(" ")[0] for line in lines)
        if not nearly_all(lines, matching, task):
            return None
        if task == "classify":
            return Recognition(task, "every line ends with <=> and a label", Columns())
        return Recognition("tag", "every line has tokens with a colon and a tag, <=>, and a label", Columns())

    def examples(self, source: Source, task: str, columns: Columns, notes: list[str]) -> Iterator[Example]:
        for where, line in source.numbered():
            body, sign, label = line.rpartition(_SIGN)
            if not sign:
                raise CorpusError(f"{where} has no <=> before a label; add them, or remove the line")
            tokens, tags = [], []
            for word in checked_text(where, body).split():
                token, colon, tag = word.rpartition(":")
                if not colon or not token or not tag:
                    raise CorpusError(f"{where} has {quoted(word)}, which is not a token, a colon, and a tag; add them")
                tokens.append(token)
                tags.append(checked_label(where, tag, "tag"))
            label = checked_label(where, label)
            if task == "classify":
                yield Labeled(" ".join(tokens), (label,), where)
            else:
                yield Tagged(tuple(tokens), tuple(tags), label, where=where)

    def inputs(self, source: Source, task: str, columns: Columns) -> Iterator[Example]:
        """Yield the tokens of each line, without tags and label if it has <=>."""
        for number, line in enumerate(source.lines, 1):
            body, sign, _ = line.rpartition(_SIGN)
            words = body.split() if sign else line.split()
            tokens = tuple(word.rpartition(":")[0] or word for word in words) if sign else tuple(words)
            where = source.at(number)
            if task == "tag":
                yield Tagged(tokens, where=where)
            else:
                yield Labeled(" ".join(tokens) if sign else line, (), where)
