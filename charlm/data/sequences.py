"""The sequences of a corpus, which need not fit into memory: running texts or lines, in pieces, as often as asked.

`groups()` gives them: a group is one running text or all the lines, and comes in pieces. Of lines each ends in one
newline, whatever its end in the file was, and that is the only use of a newline there.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from charlm.data.documents import AnyDocument
from charlm.errors import CorpusError
from charlm.progress import OnProgress, PieceCounter, ignore
from charlm.tokenizers import Ids, Tokenizer

LONGEST_LINE = 2**24  # characters that are read at once
_NONE = np.empty(0, dtype=np.int64)


def lines(text: str) -> list[str]:
    """The lines of a text without their ends, which are `\\n` or `\\r\\n`; a text always has at least one line."""
    found = text.split("\n")
    ended = found[:-1]
    rest = found[-1:] if found[-1] or not ended else []
    return [line.removesuffix("\r") for line in ended] + rest


def iterate_lines(name: str, pieces: Iterable[str]) -> Iterator[str]:
    """The lines of a text of any size, one after the other. Raises CorpusError for one that is too long."""
    line = ""
    for piece in _with_plain_ends(pieces):
        *ended, line = (line + piece).split("\n")
        yield from ended
        if len(line) > LONGEST_LINE:
            long = f"{name} has a line of more than {LONGEST_LINE:,} characters"
            raise CorpusError(f"{long}, and a model of lines reads each at once; train one with --sequence stream")


@dataclass(frozen=True)
class Streams:
    """Of each document the first so many characters, one sequence each."""

    documents: tuple[AnyDocument, ...]
    lengths: tuple[int, ...]
    sequence = "stream"

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[str]:
        """Each whole, in memory."""
        return map("".join, self.groups())

    @property
    def characters(self) -> int:
        return sum(self.lengths)

    def groups(self) -> Iterator[Iterator[str]]:
        for document, length in zip(self.documents, self.lengths, strict=True):
            yield _first(document.pieces(), length)


@dataclass(frozen=True, eq=False)
class Lines:
    """The lines of documents but for those left out, by their numbers (ascending), counted from 1 through all."""

    documents: tuple[AnyDocument, ...]
    left_out: NDArray[np.int64] = field(default_factory=lambda: _NONE)
    characters_left_out: int = 0
    sequence = "line"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Lines):
            return NotImplemented
        return self.documents == other.documents and np.array_equal(self.left_out, other.left_out)

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return sum(document.lines.ends + document.lines.open for document in self.documents) - len(self.left_out)

    def __iter__(self) -> Iterator[str]:
        """All in memory."""
        return iter("".join(piece for group in self.groups() for piece in group).split("\n")[:-1])

    @property
    def characters(self) -> int:
        """A line end, of either kind, is one."""
        kept = (document.characters - document.lines.crlf + document.lines.open for document in self.documents)
        return sum(kept) - self.characters_left_out

    def groups(self) -> Iterator[Iterator[str]]:
        yield ("".join(part for part, chosen in parts if not chosen) for parts in self._parted(self.left_out))

    def choose(self, numbers: NDArray[np.int64], at_most: int) -> tuple[str, ...]:
        """The lines with these numbers (ascending), as many from the first on as have `at_most` characters in all."""
        found: list[str] = []
        line = ""
        for parts in self._parted(numbers) if len(numbers) else ():
            for part, chosen in parts:
                if chosen:
                    line += part
                    at_most -= len(part)
                    if at_most < 0:
                        return tuple(found)
                    if part.endswith("\n"):
                        found.append(line[:-1])
                        line = ""
        return tuple(found)

    def without(self, numbers: NDArray[np.int64], held: Sequence[str]) -> "Lines":
        """All but these."""
        return Lines(self.documents, numbers, sum(map(len, held)) + len(held))

    def _parted(self, numbers: NDArray[np.int64]) -> Iterator[list[tuple[str, bool]]]:
        """Each piece in parts, and of each part whether it belongs to one of these lines."""
        number = 1  # of the line a piece begins in
        for piece in (piece for document in self.documents for piece in _with_plain_ends(document.pieces())):
            count = piece.count("\n")
            first, last = np.searchsorted(numbers, [number, number + count + 1])
            if first == last:
                yield [(piece, False)]
            else:
                yield list(_cut(piece, (numbers[first:last] - number).tolist()))
            number += count


def _first(pieces: Iterable[str], count: int) -> Iterator[str]:
    """The first characters, but all is read: only at its end a document can say that it has changed."""
    for piece in pieces:
        if count > 0:
            yield piece[:count]
            count -= len(piece)


def _with_plain_ends(pieces: Iterable[str]) -> Iterator[str]:
    """Lines that all end in `\\n`, the last as well; no text at all is one empty line."""
    carriage, last = "", ""
    for piece in pieces:
        text = carriage + piece
        carriage = "\r" if text.endswith("\r") else ""  # its newline may begin the next piece
        text = text.removesuffix(carriage)
        if "\r" in text:  # one letter is found sooner than two
            text = text.replace("\r\n", "\n")
        if text:
            yield text
            last = text[-1]
    if carriage or last != "\n":
        yield carriage + "\n"


def _cut(piece: str, chosen: list[int]) -> Iterator[tuple[str, bool]]:
    """The piece in parts; `chosen` are lines of it, numbered from 0."""
    ends = newline_offsets(piece) + 1
    place = 0
    for line in chosen:
        start = int(ends[line - 1]) if line else 0
        stop = int(ends[line]) if line < len(ends) else len(piece)
        yield piece[place:start], False
        yield piece[start:stop], True
        place = stop
    yield piece[place:], False


def newline_offsets(piece: str) -> NDArray[np.int64]:
    """Where they are."""
    points = np.frombuffer(piece.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    return np.flatnonzero(points == ord("\n"))


def encode_sequences(
    tokenizer: Tokenizer, texts: Streams | Lines, *, close: bool, on_progress: OnProgress = ignore
) -> Iterator[Ids]:
    """The ids of these sequences, piece by piece, each closed by EOS if `close`, which lines always are."""
    lines, counter = texts.sequence == "line", PieceCounter("encoding", texts.characters, on_progress)
    for group in texts.groups():
        yield from tokenizer.encode_pieces(counter.count(group), lines=lines)
        if close and not lines:
            yield np.array([tokenizer.EOS], dtype=np.int32)


def all_sequences(documents: Sequence[AnyDocument], sequence: str) -> Streams | Lines:
    """All sequences of these documents; no text at all is a line, but no stream."""
    if sequence == "line":
        return Lines(tuple(documents))
    texts = tuple(document for document in documents if document.characters)
    return Streams(texts, tuple(document.characters for document in texts))


def sequences_of(text: str, sequence: str) -> list[str]:
    """The sequences of a text of which nothing is held out."""
    return lines(text) if sequence == "line" else [text]
