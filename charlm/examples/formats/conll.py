"""CoNLL columns: one token per line with its tags, and a blank line between sentences.

The token is the first column and the tag the last one, unless others are chosen. `-DOCSTART-` lines and comments are
left out.
"""

from collections.abc import Iterator, Sequence
from string import ascii_uppercase, digits, punctuation

from charlm.errors import CorpusError
from charlm.examples import Columns, Example
from charlm.examples.formats import (
    Format,
    Recognition,
    by_number,
    is_auto,
    is_kind,
    kinds_in_words,
    nearly_all,
    several_kinds,
)
from charlm.examples.rows import TAB
from charlm.examples.sentences import Token, check_tag, has_scheme, sentences, span_tag, tagged
from charlm.examples.source import LONGEST_LABEL, Source, few_columns
from charlm.wording import plural

_DOCUMENT = "-DOCSTART-"
_IN_TAGS = set(ascii_uppercase + digits + punctuation)
_UNIVERSAL = {
    "ADJ",
    "ADP",
    "ADV",
    "AUX",
    "CCONJ",
    "CONJ",
    "DET",
    "INTJ",
    "NOUN",
    "NUM",
    "PART",
    "PRON",
    "PROPN",
    "PUNCT",
    "SCONJ",
    "SYM",
    "VERB",
    "X",
    ".",
    "PRT",
}


class Conll(Format):
    """Columns with tabs or spaces, as in CoNLL-2003."""

    order = 70
    tasks = ("tag",)

    def recognize(self, source: Source, task: str, columns: Columns) -> Recognition | None:
        if not by_number(columns, "token", "tag"):
            return None
        has_tabs = _has_tabs(source)
        separator = TAB if has_tabs else None
        lines = [line.split(separator) for line in source.filled if not line.startswith((_DOCUMENT, "#"))]
        width = len(lines[0]) if lines else 0
        same = [fields for fields in lines if len(fields) == width and all(fields)]
        if width < 2 or not nearly_all(lines, len(same), task):
            return None
        token, tag = _index(columns.token, 1, width), _index(columns.tag, width, width)
        if token is None or tag is None:
            return None
        tags = [fields[tag] for fields in same]
        is_between = _has_blank_between(source)
        if is_auto(task):
            if not has_scheme(tags):
                if not is_between or not several_kinds(tags) or not _look_like_tags(tags, has_tabs):
                    return None
                if any(" " in fields[token] for fields in same):
                    return None
        elif any(len(each) > LONGEST_LABEL for each in tags):
            return None
        what = f"{width} columns; the last has" if tag == width - 1 else f"{width} columns; column {tag + 1} has"
        reason = f"each line has {what} {kinds_in_words(source, tags, 'tag')}"
        if is_between:
            reason += ", and blank lines end the sentences"
        return Recognition("tag", reason, Columns(token=token + 1, tag=tag + 1))

    def examples(self, source: Source, task: str, columns: Columns, notes: list[str]) -> Iterator[Example]:
        token, tag = int(columns.token or 1) - 1, int(columns.tag or 2) - 1
        width, first = 0, source.at(1)
        for where, fields in _tokens(source, 0):
            if fields:
                width, first = len(fields), where
                break
        read = list(sentences(_tokens(source, width)))
        span = span_tag(fields[tag] for sentence in read for _, fields in sentence if len(fields) == width)
        few_columns(first, width)
        for sentence in read:
            for where, fields in sentence:
                if len(fields) != width:
                    raise CorpusError(
                        f"{where} has {plural(len(fields), 'column')}, and line {first.line} has {width}; correct or"
                        " remove the line"
                    )
                check_tag(where, fields[tag], span)
            yield tagged(sentence, token, tag)

    def inputs(self, source: Source, task: str, columns: Columns) -> Iterator[Example]:
        """Yield sentences of one token per line, or the words of each line.

        Lines have one token each if all that are not blank have the same number of columns, and a blank line ends a
        sentence or each has one column.
        """
        token = int(columns.token or 1) - 1
        lines = list(_lines(source))
        widths = {len(fields) for _, fields in lines if fields}
        if len(widths) == 1 and (widths == {1} or _has_tabs(source) or _has_blank_between(source)):
            width = widths.pop()
            for sentence in sentences(lines, blank=True):
                yield tagged(sentence, min(token, width - 1), None)
        else:
            yield from super().inputs(source, task, columns)


def _index(choice: str | int | None, default: int, width: int) -> int | None:
    index = int(choice or default)
    return index - 1 if 0 < index <= width else None


def _has_tabs(source: Source) -> bool:
    return any(TAB in line for line in source.filled)


def _lines(source: Source) -> Iterator[Token]:
    """Yield the columns of each line; a blank line has none."""
    separator = TAB if _has_tabs(source) else None
    for number, line in enumerate(source.lines, 1):
        fields = line.strip("\r\n").split(separator) if line.strip() else []
        yield source.at(number), fields


def _tokens(source: Source, width: int) -> Iterator[Token]:
    """Yield the lines of tokens and blank lines, without comments and marks of documents.

    width: number of columns of the tokens; 0 if it is not known, and then every line with # is a comment.
    """
    for where, fields in _lines(source):
        if not fields or not (
            fields[0] == _DOCUMENT or (fields[0].startswith("#") and (not width or len(fields) != width))
        ):
            yield where, fields


def _has_blank_between(source: Source) -> bool:
    """Return whether a blank line separates two others."""
    is_text = [bool(line) and not line.isspace() for line in source.lines]
    if True not in is_text:
        return False
    first, last = is_text.index(True), len(is_text) - is_text[::-1].index(True)
    return not all(is_text[first:last])


def _look_like_tags(tags: Sequence[str], has_tabs: bool) -> bool:
    """Return whether the last words of lines are tags, and not the last words of a poem with short lines."""
    if set(tags) <= _UNIVERSAL:
        return True
    kinds = set(tags)
    named = sum(any(map(str.isalpha, tag)) for tag in kinds)
    return is_kind(tags) and 2 * named >= len(kinds) and (has_tabs or all(set(tag) <= _IN_TAGS for tag in kinds))
