"""Documents → the sequences a model learns, and the ones held out.

`line`: each line is a sequence of its own (names, sentences, logs). `stream`: each document is one running text.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charlm.data.documents import PIECE, AnyDocument, StoredDocument
from charlm.data.sequences import Lines, Streams, all_sequences, lines
from charlm.errors import CorpusError
from charlm.randomness import uniform

HELD_OUT_AT_MOST = 2_000_000  # characters: more would cost time and tell nothing new
_LOOK_AT = 1_000_000  # characters of each document that `choose` looks at
_FEWEST_LINES = 100
_LONGEST_LINE = 1_000
_FEW_ODD = 0.01  # share of the lines


@dataclass(frozen=True)
class Split:
    """The sequences of one corpus: those to learn, and those held out to validate."""

    train: Streams | Lines
    valid: tuple[str, ...]
    held_out: bool  # False where the corpus is too small, and validation is on the training text
    crlf_lines: int = 0  # lines that ended in \\r\\n rather than \\n

    @property
    def sequence(self) -> str:
        return self.train.sequence

    def characters(self, texts: Streams | Lines | Sequence[str]) -> int:
        """Of these sequences, the line ends of lines included."""
        if isinstance(texts, Streams | Lines):
            return texts.characters
        return sum(map(len, texts)) + (len(texts) if self.sequence == "line" else 0)


def choose_mode(documents: Sequence[AnyDocument]) -> tuple[str, str]:
    """`line` or `stream`, with the reason in words: what `--sequence auto` does."""
    for document in documents:
        head = document.head(_LOOK_AT)
        inner = lines(head.rstrip("\r\n") if document.characters <= _LOOK_AT else head)
        if len(inner) < _FEWEST_LINES:
            return "stream", f"{document.name} has fewer than {_FEWEST_LINES} lines"
        if "" in inner:
            return "stream", f"line {inner.index('') + 1} of {document.name} is blank"
        longest = max(map(len, inner))
        if longest > _LONGEST_LINE:
            return "stream", f"{document.name} has a line of {longest:,} characters"
    return "line", f"no line is blank or longer than {_LONGEST_LINE:,} characters"


def unusual_lines(documents: Sequence[AnyDocument]) -> str:
    """The blank and the long lines that keep a text from being one of lines, where they are next to none; else ""."""
    count, odd = 0, {"blank": 0, "long": 0}
    for document in documents:
        found = lines(document.head(_LOOK_AT))
        count += len(found)
        odd["blank"] += found.count("")
        odd["long"] += sum(len(line) > _LONGEST_LINE for line in found)
    if count < _FEWEST_LINES or sum(odd.values()) > _FEW_ODD * count:
        return ""
    return " and ".join(f"{count:,} {kind} line{'s' * (count > 1)}" for kind, count in odd.items() if count)


def hold_out(documents: Sequence[AnyDocument], sequence: str, fraction: float) -> Split:
    """Hold out about `fraction`, by a rule that knows no seed.

    Of a stream, the last part of each document, cut by characters; of lines, those whose number, counted through all
    documents, hashes into the fraction. At most 2,000,000 characters. Raises CorpusError where there are fewer than
    two symbols to learn.
    """
    train, valid = (_split_lines if sequence == "line" else _split_streams)(tuple(documents), fraction)
    letters = train.characters - (len(train) if sequence == "line" else 0)
    if letters >= 2 and (valid if sequence == "line" else any(valid)):
        return _checked(train, valid, True, documents)
    train = all_sequences(documents, sequence)  # too small to spare any of it
    for document in documents:
        if isinstance(document, StoredDocument):
            short = f"a line short enough to be held out ({HELD_OUT_AT_MOST:,} characters)"
            raise CorpusError(f"{document.name} does not have {short}; say --sequence stream, or give --valid")
    return _checked(train, tuple(train), False, documents)


def with_validation(documents: Sequence[AnyDocument], held: Sequence[AnyDocument], sequence: str) -> Split:
    """Learn all of the documents, and hold out others. Raises CorpusError where they are too small or too large."""
    for document in held:
        if isinstance(document, StoredDocument):
            much = f"{document.name} has {document.characters:,} characters, too many to validate on again and again"
            raise CorpusError(f"{much}; give a part of it")
    valid = tuple(all_sequences(held, sequence))
    return _checked(all_sequences(documents, sequence), valid, True, documents)


def _checked(train: Streams | Lines, valid: tuple[str, ...], held_out: bool, documents: Sequence[AnyDocument]) -> Split:
    if train.characters < 2:
        raise CorpusError(f"the corpus has {train.characters} symbol to learn from; a model needs at least two")
    if train.sequence == "line":
        return Split(train, valid, held_out, sum(document.lines.crlf for document in documents))
    return Split(train, tuple(filter(None, valid)), held_out)


def _split_streams(documents: tuple[AnyDocument, ...], fraction: float) -> tuple[Streams, tuple[str, ...]]:
    documents = tuple(document for document in documents if document.characters)
    lengths = [document.characters for document in documents]
    held = [length - max(1, int(length * (1 - fraction))) for length in lengths]
    if sum(held) > HELD_OUT_AT_MOST:
        held = [length * HELD_OUT_AT_MOST // sum(lengths) for length in lengths]
    cuts = tuple(length - out for length, out in zip(lengths, held, strict=True))
    valid = tuple(document.tail(out) for document, out in zip(documents, held, strict=True))
    return Streams(documents, cuts), valid


def _split_lines(documents: tuple[AnyDocument, ...], fraction: float) -> tuple[Lines, tuple[str, ...]]:
    found = Lines(documents)
    numbers = _numbers(len(found), min(fraction, HELD_OUT_AT_MOST / found.characters))
    valid = found.choose(numbers, HELD_OUT_AT_MOST)
    return found.without(numbers[: len(valid)], valid), valid


def _numbers(count: int, fraction: float) -> NDArray[np.int64]:
    """Of the numbers from 1 to `count` those that hash into the fraction, ascending; of several at least one."""
    least, at_least = 1.0, 0
    chosen = []
    for first, chance in _chances(count):
        chosen.append(np.flatnonzero(chance < fraction) + first)
        if chance.min() < least:
            least, at_least = chance.min(), first + int(chance.argmin())
    numbers = np.concatenate(chosen)
    # Where chance would hold out none of several, the likeliest one.
    return numbers if len(numbers) or count < 2 else np.array([at_least])


def _chances(count: int) -> Iterator[tuple[int, NDArray[np.float64]]]:
    for first in range(1, count + 1, PIECE):
        yield first, uniform(np.arange(first, min(first + PIECE, count + 1)))
