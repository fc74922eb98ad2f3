"""Evaluate documents of any size: a long one is read segment by segment, in bounded memory.

A segment of a running text is read as `scoring.passages` reads a whole text, after the 256 tokens before it. The number
of pieces therefore has no upper bound: it is 64 for each segment. A model that adapts reads each segment in one piece,
and learns twice from the 256 tokens before it.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby

import numpy as np

from charlm.batching import batches
from charlm.config import TextMode
from charlm.data.documents import AnyDocument, StoredDocument
from charlm.data.encoding import UnknownPolicy, encode
from charlm.data.sequences import iterate_lines
from charlm.errors import ConfigError
from charlm.language_model import LanguageModel
from charlm.progress import OnProgress, ReadingProgress, ignore
from charlm.scoring.evaluation import Evaluation, evaluate, evaluation_of, one_stream, row_reader
from charlm.scoring.lines import line_batches
from charlm.scoring.passages import CONTEXT_TOKENS, cut_stream, read_logprobs
from charlm.settings import check_count
from charlm.tokenizers import Ids

_SEGMENT_CHARACTERS = 2**22
_MAX_WINDOW = 2**18  # tokens


def evaluate_documents(
    model: LanguageModel,
    documents: Iterable[AnyDocument],
    *,
    window: int | None = None,
    streams: int | None = None,
    unknown: UnknownPolicy = "unk",
    on_progress: OnProgress = ignore,
) -> Iterator[Evaluation]:
    """Evaluate each document as `LanguageModel.evaluate` does. Short documents are read in parallel.

    on_progress: called after each segment of a long document.

    Raises ConfigError and CorpusError like `LanguageModel.evaluate`, and ConfigError for a long text with `streams`.
    """
    for long, group in groupby(documents, _is_long):
        if not long:
            for batch in batches(group, _stored_characters, _SEGMENT_CHARACTERS):
                texts = ["".join(document.pieces()) for document in batch]
                yield from model.evaluate_many(texts, window=window, streams=streams, unknown=unknown)
            continue
        for document in group:
            if streams is not None:
                raise ConfigError(f"{document.name} is too long to be read in {streams:,} streams", remedy="streams")
            check_count("window", window, 1, _MAX_WINDOW)
            total: Evaluation | None = None
            for part in (_lines if model.line else _segments)(model, document, unknown, window):
                total = Evaluation.total([total, part]) if total else part
                on_progress(ReadingProgress("evaluating", total.characters, document.characters))
            assert total is not None
            yield total


def _is_long(document: AnyDocument) -> bool:
    return isinstance(document, StoredDocument) and document.characters > _SEGMENT_CHARACTERS


def _stored_characters(document: AnyDocument) -> int:
    """Number of characters that reading the document adds to memory: none if it is in memory already."""
    return document.characters if isinstance(document, StoredDocument) else 0


def _lines(
    model: LanguageModel, document: AnyDocument, unknown: UnknownPolicy, window: int | None
) -> Iterator[Evaluation]:
    for batch in line_batches(iterate_lines(document.name, document.pieces())):
        yield from evaluate(
            model.network,
            model.tokenizer,
            TextMode.LINE,
            [batch],
            unknown=unknown,
            window=window,
            adapting=model.adaptation,
        )


def _segments(
    model: LanguageModel, document: AnyDocument, unknown: UnknownPolicy, window: int | None
) -> Iterator[Evaluation]:
    """Evaluate a running text segment by segment.

    Two things are carried from segment to segment. `before` is what the first target is read after: START at first,
    then the last tokens of the segment before, so that a segment does not begin in a cold state. `rest` is the end of
    a segment that does not fill a window; it is counted with the next segment, so that the windows are those of the
    whole text.
    """
    tokenizer = model.tokenizer
    end = [tokenizer.EOS] if model.ends else []
    streams = one_stream(window, None) if model.adaptation else None
    read = row_reader(model.network, model.adaptation)
    before: Ids = np.array([tokenizer.START], dtype=np.int32)
    rest, characters = encode(tokenizer, "", unknown), 0  # characters: of the segments before this one
    for segment, last in _split(document):
        encoded = rest.followed(encode(tokenizer, segment, unknown, characters))
        ids = np.concatenate((before, encoded.ids, end if last else [])).astype(np.int32)
        if window and len(ids) - len(before) < window and characters:
            return  # the last partial window of the text, which is left out
        part = cut_stream(encoded, ids, window=window, streams=streams, context=len(before) - 1)
        (logprobs,) = read_logprobs([part], read)
        yield evaluation_of(part, logprobs, TextMode.STREAM, window, model.adaptation)
        targets = len(part.targets)
        if window:  # a window begins in a zero state, after one token
            before, rest = ids[len(before) + targets - 1 : len(before) + targets], encoded.rest(targets)
        else:
            before, rest = ids[-CONTEXT_TOKENS - 1 :], encoded.rest(len(encoded.ids))
        characters += len(segment)


def _split(document: AnyDocument) -> Iterator[tuple[str, bool]]:
    """Yield the text in segments, each with whether it is the last."""
    text = ""
    for piece in document.pieces():
        if len(text) >= _SEGMENT_CHARACTERS:
            yield text, False
            text = ""
        text += piece
    yield text, True
