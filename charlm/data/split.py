"""Train and validation split: choose the mode of a corpus, and hold out a part of its sequences.

Line mode: each line is a sequence of its own (names, sentences, logs). Stream mode: each document is one running text.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charlm.config import TextMode
from charlm.data.documents import PIECE, AnyDocument, StoredDocument
from charlm.data.sequences import Lines, Streams, all_sequences, lines
from charlm.errors import CorpusError
from charlm.randomness import uniform

MAX_HELD_OUT = 2_000_000  # characters; more would take time and hardly change the estimate
_INSPECTED = 1_000_000  # characters of each document from which the mode is chosen
_MIN_LINES = 100
_MAX_LINE_LENGTH = 1_000
_FEW_UNUSUAL = 0.01  # share of the lines


@dataclass(frozen=True)
class Split:
    """The sequences of a corpus to train on, and those to validate on."""

    train: Streams | Lines
    valid: tuple[str, ...]
    held_out: bool  # False if the corpus is too small, so that validation uses the training text
    crlf_lines: int = 0  # lines that ended in \\r\\n

    @property
    def mode(self) -> TextMode:
        return self.train.mode

    def characters(self, texts: Streams | Lines | Sequence[str]) -> int:
        """Return the number of characters of these sequences, with one for the end of each line."""
        if isinstance(texts, Streams | Lines):
            return texts.characters
        return sum(map(len, texts)) + (len(texts) if self.mode == TextMode.LINE else 0)


def choose_mode(documents: Sequence[AnyDocument]) -> tuple[TextMode, str]:
    """Choose the mode of a corpus for which none was set, and give the reason in words."""
    for document in documents:
        head = document.head(_INSPECTED)
        inner = lines(head.rstrip("\r\n") if document.characters <= _INSPECTED else head)
        if len(inner) < _MIN_LINES:
            return TextMode.STREAM, f"{document.name} has fewer than {_MIN_LINES} lines"
        if "" in inner:
            return TextMode.STREAM, f"line {inner.index('') + 1} of {document.name} is blank"
        longest = max(map(len, inner))
        if longest > _MAX_LINE_LENGTH:
            return TextMode.STREAM, f"{document.name} has a line of {longest:,} characters"
    return TextMode.LINE, f"no line is blank or longer than {_MAX_LINE_LENGTH:,} characters"


def unusual_lines(documents: Sequence[AnyDocument]) -> str:
    """Count, in words, the blank and long lines that rule out line mode if they are few; otherwise return ""."""
    total, counts = 0, {"blank": 0, "long": 0}
    for document in documents:
        head = lines(document.head(_INSPECTED))
        total += len(head)
        counts["blank"] += head.count("")
        counts["long"] += sum(len(line) > _MAX_LINE_LENGTH for line in head)
    if total < _MIN_LINES or sum(counts.values()) > _FEW_UNUSUAL * total:
        return ""
    return " and ".join(f"{count:,} {kind} line{'s' * (count > 1)}" for kind, count in counts.items() if count)


def hold_out(documents: Sequence[AnyDocument], mode: TextMode, fraction: float) -> Split:
    """Hold out about `fraction` of a corpus, and at most 2,000,000 characters, by a rule that uses no seed.

    In stream mode the last characters of each document are held out; in line mode, the lines whose number, counted
    through all documents, hashes to less than the fraction. Raises CorpusError if fewer than two characters remain to
    train on.
    """
    train, valid = (_split_lines if mode == TextMode.LINE else _split_streams)(tuple(documents), fraction)
    letters = train.characters - (len(train) if mode == TextMode.LINE else 0)
    if letters >= 2 and (valid if mode == TextMode.LINE else any(valid)):
        return _checked(train, valid, True, documents)
    train = all_sequences(documents, mode)  # too small to hold out any of it
    for document in documents:
        if isinstance(document, StoredDocument):
            raise CorpusError(
                f"{document.name} has no line of at most {MAX_HELD_OUT:,} characters that could be held out",
                remedy="stream_mode_or_valid",
            )
    return _checked(train, tuple(train), False, documents)


def with_validation(documents: Sequence[AnyDocument], held_out: Sequence[AnyDocument], mode: TextMode) -> Split:
    """Train on all of `documents`, and validate on `held_out`. Raises CorpusError if one is too small or too large."""
    for document in held_out:
        if isinstance(document, StoredDocument):
            raise CorpusError(
                f"{document.name} has {document.characters:,} characters, too many for repeated validation; use a part"
                " of it"
            )
    valid = tuple(all_sequences(held_out, mode))
    return _checked(all_sequences(documents, mode), valid, True, documents)


def _checked(train: Streams | Lines, valid: tuple[str, ...], held_out: bool, documents: Sequence[AnyDocument]) -> Split:
    if train.characters < 2:
        count = f"{train.characters} character{'s' * (train.characters != 1)}"
        raise CorpusError(f"the corpus has {count} to train on; a model needs at least 2")
    if train.mode == TextMode.LINE:
        return Split(train, valid, held_out, sum(document.line_ends.crlf for document in documents))
    return Split(train, tuple(filter(None, valid)), held_out)


def _split_streams(documents: tuple[AnyDocument, ...], fraction: float) -> tuple[Streams, tuple[str, ...]]:
    documents = tuple(document for document in documents if document.characters)
    lengths = [document.characters for document in documents]
    held = [length - max(1, int(length * (1 - fraction))) for length in lengths]
    if sum(held) > MAX_HELD_OUT:
        held = [length * MAX_HELD_OUT // sum(lengths) for length in lengths]
    kept = tuple(length - out for length, out in zip(lengths, held, strict=True))
    valid = tuple(document.tail(out) for document, out in zip(documents, held, strict=True))
    return Streams(documents, kept), valid


def _split_lines(documents: tuple[AnyDocument, ...], fraction: float) -> tuple[Lines, tuple[str, ...]]:
    everything = Lines(documents)
    numbers = _sampled_numbers(len(everything), min(fraction, MAX_HELD_OUT / everything.characters))
    valid = everything.select(numbers, MAX_HELD_OUT)
    return everything.without(numbers[: len(valid)], valid), valid


def _sampled_numbers(count: int, fraction: float) -> NDArray[np.int64]:
    """Return the numbers from 1 to `count` that hash to less than `fraction`, at least one if `count` exceeds 1."""
    lowest, number_of_lowest = 1.0, 0
    chosen = []
    for first, hashes in _hashes(count):
        chosen.append(np.flatnonzero(hashes < fraction) + first)
        if hashes.min() < lowest:
            lowest, number_of_lowest = hashes.min(), first + int(hashes.argmin())
    numbers = np.concatenate(chosen)
    # If no number hashes low enough, take the lowest one, so that there is something to validate on.
    return numbers if len(numbers) or count < 2 else np.array([number_of_lowest])


def _hashes(count: int) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Yield (first number, hashes in [0, 1)) of blocks of the numbers from 1 to `count`."""
    for first in range(1, count + 1, PIECE):
        yield first, uniform(np.arange(first, min(first + PIECE, count + 1)))
