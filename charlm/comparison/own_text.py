"""The text of a trained model: what its run learned from and what it held out, if the corpus still exists unchanged."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from charlm.config import TextMode
from charlm.data.corpus import STDIN, Corpus, read
from charlm.data.documents import AnyDocument
from charlm.data.split import Split, hold_out, with_validation
from charlm.errors import CorpusError
from charlm.progress import OnProgress, ignore
from charlm.tokenizers import reads_any_bytes


class NoTextError(Exception):
    """The text of a run cannot be read again; the message says why."""


def held_out_split(described: Mapping[str, Any], on_progress: OnProgress = ignore) -> tuple[Split, str]:
    """Return the split of a run, and where its held-out part is from, in words.

    described: the return value of `checkpoint.describe`. Raises NoTextError if a text is missing or has changed.
    """
    corpus, mode = described["corpus"], TextMode(described["config"]["sequence"])
    files, separate = corpus["files"], corpus["held_out"]
    any_bytes = reads_any_bytes(described["config"]["tokenizer"])
    documents = _read_again(files, corpus["sha256"], on_progress, any_bytes=any_bytes).documents
    try:
        if separate:
            valid = _read_again(separate, None, on_progress, any_bytes=any_bytes).documents
            return with_validation(documents, valid, mode), ", ".join(separate)
        split = hold_out(documents, mode, described["plan"]["train"]["valid_fraction"])
    except CorpusError as error:
        raise NoTextError(str(error)) from None
    if split.held_out:
        return split, f"the held-out part of {', '.join(files)}"
    return split, "the training text (the corpus was too short to hold a part out)"


def learned_from(corpus: Mapping[str, Any], documents: Sequence[AnyDocument], *, any_bytes: bool) -> list[bool]:
    """Return for each document whether it is part of the text that a model was trained on.

    corpus: the description of the model's corpus, `checkpoint.describe(...)["corpus"]`. Documents are compared by their
    SHA-256. If the model has several, and one of the same name is given, the model's corpus is read again. any_bytes:
    whether the model's tokenizer reads any bytes.
    """
    if Corpus(tuple(documents)).fingerprint() == corpus["sha256"]:
        return [True] * len(documents)
    own = {corpus["sha256"]}
    if any(_is_named(document.name, corpus["files"]) for document in documents):
        with suppress(NoTextError):
            own |= {
                _sha256(each) for each in _read_again(corpus["files"], corpus["sha256"], any_bytes=any_bytes).documents
            }
    return [_sha256(document) in own for document in documents]


def _sha256(document: AnyDocument) -> str:
    return Corpus((document,)).fingerprint()


def _is_named(name: str, files: Sequence[str]) -> bool:
    path = Path(name).resolve()
    return any(path.is_relative_to(Path(each).resolve()) for each in files)


def _read_again(
    files: Sequence[str], sha256: str | None, on_progress: OnProgress = ignore, *, any_bytes: bool
) -> Corpus:
    """Read a corpus, which must have this fingerprint; None allows any."""
    if STDIN in files:
        raise NoTextError("the corpus was piped in, and charlm does not keep it")
    try:
        corpus = read(files, on_progress, any_bytes=any_bytes)
    except CorpusError as error:
        raise NoTextError(str(error)) from None
    if sha256 not in (None, corpus.fingerprint()):
        raise NoTextError(f"{', '.join(files)} has changed since the model was trained")
    return corpus
