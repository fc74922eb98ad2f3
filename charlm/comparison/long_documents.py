"""How well a model predicts documents of any size: a long one is read segment by segment, in bounded memory.

The protocol is that of `evaluation`: a stream in pieces, each after the 256 tokens before it, also where a segment
begins; a long one has 64 for each segment. A model that adapts reads each segment in one piece, and learns from the 256
tokens before it twice.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from charlm.config import check_range
from charlm.data.documents import AnyDocument, StoredDocument
from charlm.data.encoding import UnknownPolicy, encode
from charlm.data.texts import iterate_lines
from charlm.errors import ConfigError
from charlm.language_model import LanguageModel
from charlm.nn.probability import log_probabilities
from charlm.progress import OnProgress, ReadingProgress, ignore
from charlm.scoring.evaluation import WARM_UP, Evaluation, cut, evaluate, undivided
from charlm.scoring.lines import groups
from charlm.scoring.measure import measure
from charlm.tokenizers import Ids

_SEGMENT = 2**22  # characters
_LONGEST_WINDOW = 2**18  # tokens


def evaluate_documents(
    model: LanguageModel,
    documents: Iterable[AnyDocument],
    *,
    window: int | None = None,
    streams: int | None = None,
    unknown: UnknownPolicy = "unk",
    on_progress: OnProgress = ignore,
) -> Iterator[Evaluation]:
    """`LanguageModel.evaluate` of each document. Short ones are read side by side; of a long one it is told how far.

    Raises ConfigError, CorpusError as it does, and where a long text should be read in a number of streams.
    """
    for group in _groups(documents):
        if isinstance(group, list):
            texts = ["".join(document.pieces()) for document in group]
            yield from model.evaluate_many(texts, window=window, streams=streams, unknown=unknown)
            continue
        if streams is not None:
            raise ConfigError(f"{group.name} is too long to be read in {streams:,} streams; leave --streams out")
        check_range("window", window, 1, _LONGEST_WINDOW)
        parts: list[Evaluation] = []
        for part in (_lines if model.line else _stream)(model, group, unknown, window):
            parts = [Evaluation.total([*parts, part])]
            on_progress(ReadingProgress("evaluating", parts[0].characters, group.characters))
        yield parts[0]


def _groups(documents: Iterable[AnyDocument]) -> Iterator[list[AnyDocument] | StoredDocument]:
    """Short documents together, all that are in memory among them; long ones alone."""
    group: list[AnyDocument] = []
    size = 0  # of those in it that are not in memory yet
    for document in documents:
        if isinstance(document, StoredDocument):
            size += document.characters
            if group and size > _SEGMENT:
                yield group
                group, size = [], document.characters
            if document.characters > _SEGMENT:
                yield document
                size = 0
                continue
        group.append(document)
    if group:
        yield group


def _lines(
    model: LanguageModel, document: AnyDocument, unknown: UnknownPolicy, window: int | None
) -> Iterator[Evaluation]:
    for group in groups(iterate_lines(document.name, document.pieces())):
        settings = unknown, window, None, model.adaptation
        yield from evaluate(model.network, model.tokenizer, "line", [group], *settings)


def _stream(
    model: LanguageModel, document: AnyDocument, unknown: UnknownPolicy, window: int | None
) -> Iterator[Evaluation]:
    network, tokenizer = model.network, model.tokenizer
    end = [tokenizer.EOS] if network.predictable[tokenizer.EOS] else []
    before: Ids = np.array([tokenizer.START], dtype=np.int32)  # what is read, and not counted
    streams = undivided(window, None) if model.adaptation else None
    left, done = encode(tokenizer, "", unknown), 0  # of the text: what did not fill a window, and characters before
    for segment, last in _segments(document):
        text = left.followed(encode(tokenizer, segment, unknown, done))
        ids = np.concatenate((before, text.ids, end if last else [])).astype(np.int32)
        if window and len(ids) - len(before) < window and done:  # what is left of the text
            return
        parts = cut(ids, False, window, streams, len(before) - 1)
        rows = parts.rows
        logs = model.adaptation.log_probabilities(rows) if model.adaptation else log_probabilities(network, rows)
        logprobs = parts.counted(iter(logs))
        found = measure(text.text, parts.targets, text.lengths, logprobs, line=False, skipped=text.skipped)
        pieces = None if window else len(rows)
        ways = model.adaptation.ways if model.adaptation else None
        yield Evaluation(**vars(found), streams=pieces, window=window, adapting=ways)
        read = len(before) + len(parts.targets)
        before = ids[read - 1 : read] if window else ids[-WARM_UP - 1 :]
        left = text.rest(len(parts.targets) if window else len(text.ids))
        done += len(segment)


def _segments(document: AnyDocument) -> Iterator[tuple[str, bool]]:
    """Its text in parts, and of each whether it is the last."""
    text = ""
    for piece in document.pieces():
        if len(text) >= _SEGMENT:
            yield text, False
            text = ""
        text += piece
    yield text, True
