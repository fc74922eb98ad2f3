"""The held-out text of a trained model: what its run validated on, if the corpus still exists unchanged."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from charlm.config import TextMode
from charlm.data.corpus import STDIN, Corpus, read
from charlm.data.documents import first_texts
from charlm.data.sequences import sequences_of
from charlm.data.split import hold_out, with_validation
from charlm.errors import CorpusError

_MOST_CHARACTERS = 200_000  # more would take time and show nothing new


class NoTextError(Exception):
    """The held-out text of a run cannot be read again; the message says why."""


def held_out(described: dict[str, Any], files: Sequence[str]) -> tuple[list[str], str]:
    """Return sequences of held-out text, about 200,000 characters at most, and where they are from, in words.

    `described` is `checkpoint.describe` of the model. `files` replace the text of the run. Raises NoTextError if no
    files are given and those of the run are missing or changed, and CorpusError for files that cannot be read.
    """
    mode = TextMode(described["config"]["sequence"])
    if files:
        beginnings = (sequences_of(document.head(_MOST_CHARACTERS), mode) for document in read(files).documents)
        return first_texts(chain.from_iterable(beginnings), _MOST_CHARACTERS), ", ".join(files)
    corpus, separate = described["corpus"], described["corpus"]["held_out"]
    documents = _read_again(corpus["files"], corpus["sha256"]).documents
    try:
        if separate:
            valid = with_validation(documents, _read_again(separate, None).documents, mode).valid
            return first_texts(valid, _MOST_CHARACTERS), ", ".join(separate)
        parts = hold_out(documents, mode, described["plan"]["train"]["valid_fraction"])
    except CorpusError as error:
        raise NoTextError(str(error)) from None
    beginning = first_texts(parts.valid, _MOST_CHARACTERS)
    if not parts.held_out:
        return beginning, "the training text (the corpus was too short to hold a part out)"
    return beginning, f"the held-out part of {', '.join(corpus['files'])}"


def _read_again(files: Sequence[str], sha256: str | None) -> Corpus:
    """Read a corpus, which must have this fingerprint; None allows any."""
    if STDIN in files:
        raise NoTextError("the corpus was piped in, and charlm does not keep it")
    try:
        corpus = read(files)
    except CorpusError as error:
        raise NoTextError(str(error)) from None
    if sha256 not in (None, corpus.fingerprint()):
        raise NoTextError(f"{', '.join(files)} has changed since the model was trained")
    return corpus
