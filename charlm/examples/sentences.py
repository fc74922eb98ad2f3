"""Sentences of files with one token per line and a blank line between sentences."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from charlm.errors import CorpusError
from charlm.examples import NOWHERE, Place, Tagged
from charlm.examples.source import LONGEST_TEXT, checked_label
from charlm.wording import quoted

Token = tuple[Place, list[str]]  # the columns of a token
_IN_SCHEME = re.compile(r"O|[BIESLUM]-\S.*")
_BEGINNING = re.compile(r"[BI]-\S")


def sentences(lines: Iterable[Token], *, blank: bool = False) -> Iterator[list[Token]]:
    """Group lines into sentences. A line without columns is blank, and ends a sentence.

    blank: yield an empty sentence for each further blank line, so that none is lost.
    """
    sentence: list[Token] = []
    for where, fields in lines:
        if fields:
            sentence.append((where, fields))
            if len(sentence) > LONGEST_TEXT:
                raise CorpusError(
                    f"{sentence[0][0]} begins a sentence of more than {LONGEST_TEXT:,} tokens; separate sentences by"
                    " blank lines"
                )
        elif sentence or blank:
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def tagged(sentence: Sequence[Token], token: int, tag: int | None) -> Tagged:
    """Return a sentence from its columns; without tags if `tag` is None."""
    return Tagged(
        tuple(fields[token] for _, fields in sentence),
        () if tag is None else tuple(checked_label(where, fields[tag], "tag") for where, fields in sentence),
        None,
        tuple(tuple(fields) for _, fields in sentence),
        sentence[0][0] if sentence else NOWHERE,
    )


def has_scheme(tags: Iterable[str]) -> bool:
    """Return whether tags mark spans, as in IOB: O, B-PER, I-PER."""
    counts = Counter(tags)
    total = sum(counts.values())
    matching = sum(count for tag, count in counts.items() if _IN_SCHEME.fullmatch(tag))
    spans = any(map(_BEGINNING.match, counts))
    return spans and (matching == total or (total >= 50 and matching >= 0.95 * total))


def span_tag(tags: Iterable[str]) -> str | None:
    """Return a tag that begins a span if the tags of a file mark spans; otherwise None."""
    listed = list(tags)
    return next(filter(_BEGINNING.match, listed)) if has_scheme(listed) else None


def check_tag(where: Place, tag: str, span: str | None) -> None:
    """Raise CorpusError if other tags of the file mark spans, such as `span`, and this one does not fit."""
    if span is not None and not _IN_SCHEME.fullmatch(tag):
        raise CorpusError(
            f"{where} has the tag {quoted(tag)}, but other tags mark spans, such as {quoted(span)}; write O, or B- or"
            " I- and the kind of the span"
        )
