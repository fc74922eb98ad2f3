"""Tags of spans: which scheme they follow, which tag may follow which, and which spans they mark.

A tag is `O`, or a prefix and a type: `B-PER`. The prefixes are B (begin), I (inside), E or L (end or last), and S or U
(single or unit). The type may be missing, as in `B`.
"""

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

OUTSIDE = "O"


class Scheme(StrEnum):
    """How tags mark spans.

    `plain` tags mark none, such as parts of speech. In `IOB1`, a span begins with I, and with B only directly after a
    span of its own type. In `IOB2`, each span begins with B. `IOBES` and `BILOU` also mark the last token of a span,
    and spans of a single token.
    """

    PLAIN = "plain"
    IOB1 = "IOB1"
    IOB2 = "IOB2"
    IOBES = "IOBES"
    BILOU = "BILOU"


_PREFIXES = {
    Scheme.IOB1: set("BI"),
    Scheme.IOB2: set("BI"),
    Scheme.IOBES: set("BIES"),
    Scheme.BILOU: set("BILU"),
}
_STRICT = {
    Scheme.IOB1: re.compile("I+"),
    Scheme.IOB2: re.compile("BI*"),
    Scheme.IOBES: re.compile("S|BI*E"),
    Scheme.BILOU: re.compile("U|BI*L"),
}
_BEGIN, _ENDED, _CONTINUED = frozenset("BSU"), frozenset("OESLU"), frozenset("IEL")


class Span(NamedTuple):
    """Tokens from `start` up to `end`, which is not included, and their type."""

    start: int
    end: int
    type: str


def split_tag(tag: str) -> tuple[str, str]:
    """Return prefix and type of a tag of spans: ("B", "PER"), ("O", ""). The type may contain hyphens."""
    prefix, _, kind = tag.partition("-")
    return prefix, kind


class Recognized(NamedTuple):
    """The scheme of tags, and how many tags are in a position that the scheme does not allow."""

    scheme: Scheme
    misplaced: int


def recognize(sentences: Iterable[Sequence[str]]) -> Recognized:
    """Find the scheme of the tags of sentences.

    Tags are plain if one of them is not `O` and has no prefix, or if their prefixes belong to no single scheme. With
    the prefixes B and I alone, the scheme is the one of IOB1 and IOB2 in which fewer tags are misplaced, or IOB2.
    """
    sentences = list(sentences)
    tags = {tag for sentence in sentences for tag in sentence} - {OUTSIDE}
    prefixes = {split_tag(tag)[0] for tag in tags}
    marks = any("-" in tag for tag in tags) or bool({"B", "I"} & tags)
    possible = [scheme for scheme, allowed in _PREFIXES.items() if prefixes <= allowed]
    if not tags or not marks or not possible:
        return Recognized(Scheme.PLAIN, 0)
    if len(possible) > 2:  # B and I alone: nothing marks the end of a span
        possible = [Scheme.IOB2, Scheme.IOB1]
    counted = [Recognized(scheme, sum(_misplaced(scheme, sentence) for sentence in sentences)) for scheme in possible]
    return min(counted, key=lambda each: each.misplaced)


def _misplaced(scheme: Scheme, tags: Sequence[str]) -> int:
    """Count the moves between tags of a sentence, and to its end, that the scheme does not allow."""
    around = [OUTSIDE, *tags, OUTSIDE]
    return sum(not may_follow(scheme, tag, before) for before, tag in pairwise(around))


@lru_cache(maxsize=1 << 16)
def may_follow(scheme: Scheme, tag: str, before: str) -> bool:
    """Return whether a scheme allows `tag` after `before`. The start and the end of a sentence count as `O`."""
    if scheme is Scheme.PLAIN:
        return True
    prefix, kind = split_tag(tag)
    prefix_before, kind_before = split_tag(before)
    same = kind == kind_before and before != OUTSIDE
    if scheme is Scheme.IOB1:
        return prefix != "B" or same
    if scheme is Scheme.IOB2:
        return prefix != "I" or same
    is_open = prefix_before in ("B", "I")
    return is_open == (prefix in _CONTINUED) and (same or not is_open)


def moves(scheme: Scheme, tags: Sequence[str]) -> NDArray[np.bool_]:
    """Return which moves between K tags a scheme allows, as a matrix (K + 1, K + 1): row before, column after.

    The last row is the start of a sentence, and the last column its end.
    """
    if scheme is Scheme.PLAIN:
        return np.ones((len(tags) + 1, len(tags) + 1), dtype=np.bool_)
    around = [*tags, OUTSIDE]
    return np.array([[may_follow(scheme, tag, before) for tag in around] for before in around])


def spans(tags: Sequence[str]) -> list[Span]:
    """Return the spans of a sentence by the rules of conlleval, which reads every scheme and refuses no tag.

    A span begins with B or S, with any tag of a span after `O`, after the end of a span, and where the type changes. It
    ends where the next one begins, and before `O`.
    """
    result: list[Span] = []
    start, before, kind_before = 0, OUTSIDE, ""
    for position, tag in enumerate([*tags, OUTSIDE]):
        prefix, kind = split_tag(tag)
        begins = tag != OUTSIDE and (prefix in _BEGIN or before in _ENDED or kind != kind_before)
        if before != OUTSIDE and (begins or tag == OUTSIDE):
            result.append(Span(start, position, kind_before))
        if begins:
            start = position
        before, kind_before = prefix, kind
    return result


def strict_spans(scheme: Scheme, tags: Sequence[str]) -> list[Span]:
    """Return the spans that are marked as the scheme demands: B I … I in IOB2, S or B I … I E in IOBES."""
    return [span for span in spans(tags) if _is_strict(scheme, tags, span)]


def _is_strict(scheme: Scheme, tags: Sequence[str], span: Span) -> bool:
    prefixes = "".join(split_tag(tag)[0] for tag in tags[span.start : span.end])
    if scheme is Scheme.IOB1 and prefixes.startswith("B"):
        return span.start > 0 and may_follow(scheme, tags[span.start], tags[span.start - 1])
    return bool(_STRICT[scheme].fullmatch(prefixes))
