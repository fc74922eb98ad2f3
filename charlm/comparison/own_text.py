"""The text of a trained model: what its run learned from and what it held out, if the corpus still exists unchanged."""

from collections.abc import Mapping, Sequence
from typing import Any

from charlm.config import TextMode
from charlm.data.corpus import STDIN, Corpus, read
from charlm.data.sequences import Lines, Streams, all_sequences
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
    documents = read_again(files, corpus["sha256"], on_progress, any_bytes=any_bytes).documents
    try:
        if separate:
            valid = read_again(separate, None, on_progress, any_bytes=any_bytes).documents
            return with_validation(documents, valid, mode), ", ".join(separate)
        split = hold_out(documents, mode, described["plan"]["train"]["valid_fraction"])
    except CorpusError as error:
        raise NoTextError(str(error)) from None
    if split.held_out:
        return split, f"the held-out part of {', '.join(files)}"
    return split, "the training text (the corpus was too short to hold a part out)"


def training_text(described: Mapping[str, Any]) -> tuple[Corpus, Streams | Lines]:
    """Return the corpus of a run, and the part that was trained on.

    described: the return value of `checkpoint.describe_text`. Raises NoTextError as `held_out_split` does, also if the
    plan is not known.
    """
    corpus, config, plan = described["corpus"], described["config"], described["plan"]
    if plan is None:
        raise NoTextError("the plan of the model cannot be read")
    any_bytes = reads_any_bytes(config["tokenizer"])
    own, mode = read_again(corpus["files"], corpus["sha256"], any_bytes=any_bytes), config["sequence"]
    try:
        if corpus["held_out"]:
            return own, all_sequences(own.documents, mode)
        return own, hold_out(own.documents, mode, plan["train"]["valid_fraction"]).train
    except CorpusError as error:
        raise NoTextError(str(error)) from None


def read_again(
    files: Sequence[str], sha256: str | None, on_progress: OnProgress = ignore, *, any_bytes: bool
) -> Corpus:
    """Read a corpus, which must have this fingerprint; None allows any. Raises NoTextError."""
    if STDIN in files:
        raise NoTextError("the corpus was piped in, and charlm does not keep it")
    try:
        corpus = read(files, on_progress, any_bytes=any_bytes)
    except CorpusError as error:
        raise NoTextError(str(error)) from None
    if sha256 not in (None, corpus.fingerprint()):
        raise NoTextError(f"{', '.join(files)} has changed since the model was trained")
    return corpus
