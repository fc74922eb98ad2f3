"""The held-out text of a model that was trained before: what its run validated on, if it is still there."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from charlm.data.corpus import STDIN, Corpus, read
from charlm.data.sequences import sequences_of
from charlm.data.split import hold_out, with_validation
from charlm.errors import CorpusError

_AT_MOST = 200_000  # characters: more would cost time and tell nothing new


class NotThereError(Exception):
    """The corpus is not to be had again, or is another one now; the message says why."""


def held_out(described: dict[str, Any], files: Sequence[str]) -> tuple[list[str], str]:
    """The sequences to look at, and where they are from, in words; at most about 200,000 characters.

    described: `checkpoint.describe` of the model. files: text to take instead. Raises NotThereError where no files are
    named and those of the run are not as they were, CorpusError for files that cannot be read.
    """
    kind = described["config"]["sequence"]
    if files:
        beginnings = (sequences_of(document.head(_AT_MOST), kind) for document in read(files).documents)
        return _first(chain.from_iterable(beginnings)), ", ".join(files)
    corpus, aside = described["corpus"], described["corpus"]["held_out"]
    documents = _again(corpus["files"], corpus["sha256"]).documents
    try:
        if aside:
            return _first(with_validation(documents, _again(aside, None).documents, kind).valid), ", ".join(aside)
        parts = hold_out(documents, kind, described["plan"]["train"]["valid_fraction"])
    except CorpusError as error:
        raise NotThereError(str(error)) from None
    if not parts.held_out:
        return _first(parts.valid), "the corpus itself, which was too small to hold anything out"
    return _first(parts.valid), f"the held-out part of {', '.join(corpus['files'])}"


def _again(files: Sequence[str], sha256: str | None) -> Corpus:
    """A corpus read once more."""
    if STDIN in files:
        raise NotThereError("the corpus came through a pipe, and was not kept")
    try:
        corpus = read(files)
    except CorpusError as error:
        raise NotThereError(str(error)) from None
    if sha256 not in (None, corpus.fingerprint()):
        raise NotThereError(f"{', '.join(files)} has changed since the model was trained")
    return corpus


def _first(texts: Iterable[str]) -> list[str]:
    found: list[str] = []
    left = _AT_MOST
    for text in texts:
        if left <= 0:
            break
        found.append(text[:left])
        left -= len(text)
    return found
