"""Sequences of a corpus, read lazily: documents in stream mode, lines in line mode.

A corpus need not fit into memory, so its sequences come in pieces and can be read as often as needed. `groups()` yields
groups of pieces: a group is one document in stream mode, and all lines in line mode. In a group of lines every line
ends with one newline, whatever its line end in the file was, and a newline has no other use.

`data/split.py` decides which sequences are trained on.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from charlm.arguments import check_text
from charlm.config import TextMode
from charlm.data.documents import AnyDocument
from charlm.errors import CorpusError
from charlm.progress import OnProgress, PieceCounter, ignore
from charlm.tokenizers import Ids, Tokenizer

LONGEST_LINE = 2**24  # characters; a line is read at once
_NONE = np.empty(0, dtype=np.int64)


def lines(text: str) -> list[str]:
    """Split a text at `\\n` and `\\r\\n` into its lines, without the line ends; an empty text is one empty line."""
    check_text("lines() takes", text)
    parts = text.split("\n")
    ended = parts[:-1]
    rest = parts[-1:] if parts[-1] or not ended else []
    return [line.removesuffix("\r") for line in ended] + rest


def iterate_lines(name: str, pieces: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a text of any size. Raises CorpusError for a line that is longer than LONGEST_LINE."""
    line = ""
    for piece in _with_plain_ends(pieces):
        *ended, line = (line + piece).split("\n")
        yield from ended
        if len(line) > LONGEST_LINE:
            raise CorpusError(
                f"{name} has a line of more than {LONGEST_LINE:,} characters, too long for a model in line mode",
                remedy="stream_mode",
            )


@dataclass(frozen=True)
class Streams:
    """The first `lengths[i]` characters of `documents[i]`, one sequence for each document."""

    documents: tuple[AnyDocument, ...]
    lengths: tuple[int, ...]
    mode = TextMode.STREAM

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[str]:
        """Yield each sequence as one string."""
        return map("".join, self.groups())

    @property
    def characters(self) -> int:
        return sum(self.lengths)

    def groups(self) -> Iterator[Iterator[str]]:
        for document, length in zip(self.documents, self.lengths, strict=True):
            yield _first_characters(document.pieces(), length)


@dataclass(frozen=True, eq=False)
class Lines:
    """The lines of all documents except those in `left_out`.

    left_out: (n,) ascending line numbers, counted from 1 through all documents. characters_left_out: characters of
    these lines, with one for each line end.
    """

    documents: tuple[AnyDocument, ...]
    left_out: NDArray[np.int64] = field(default_factory=lambda: _NONE)
    characters_left_out: int = 0
    mode = TextMode.LINE

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Lines):
            return NotImplemented
        return self.documents == other.documents and np.array_equal(self.left_out, other.left_out)

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        ends = (document.line_ends for document in self.documents)
        return sum(each.total + each.last_is_open for each in ends) - len(self.left_out)

    def __iter__(self) -> Iterator[str]:
        """Yield each line; the whole corpus is in memory meanwhile."""
        return iter("".join(piece for group in self.groups() for piece in group).split("\n")[:-1])

    @property
    def characters(self) -> int:
        """Number of characters, with one for each line end of either kind."""
        total = 0
        for document in self.documents:
            total += document.characters - document.line_ends.crlf + document.line_ends.last_is_open
        return total - self.characters_left_out

    def groups(self) -> Iterator[Iterator[str]]:
        yield (
            "".join(part for part, is_selected in parts if not is_selected) for parts in self._partition(self.left_out)
        )

    def select(self, numbers: NDArray[np.int64], at_most: int) -> tuple[str, ...]:
        """Return the lines with these ascending numbers, up to the last that fits into `at_most` characters in all."""
        selected: list[str] = []
        line = ""
        for parts in self._partition(numbers) if len(numbers) else ():
            for part, is_selected in parts:
                if is_selected:
                    line += part
                    at_most -= len(part)
                    if at_most < 0:
                        return tuple(selected)
                    # A part without a newline at its end is the beginning of a line that the next piece continues.
                    if part.endswith("\n"):
                        selected.append(line[:-1])
                        line = ""
        return tuple(selected)

    def without(self, numbers: NDArray[np.int64], texts: Sequence[str]) -> "Lines":
        """Return these lines without the ones of the given numbers, whose texts are `texts`."""
        return Lines(self.documents, numbers, sum(map(len, texts)) + len(texts))

    def _partition(self, numbers: NDArray[np.int64]) -> Iterator[list[tuple[str, bool]]]:
        """Cut each piece where a line with one of these numbers begins or ends: (part, is it such a line)."""
        number = 1  # of the line in which the piece begins
        for document in self.documents:
            for piece in _with_plain_ends(document.pieces()):
                count = piece.count("\n")
                # The piece has parts of lines `number` to `number + count`: the last may go on in the next piece.
                first, last = np.searchsorted(numbers, [number, number + count + 1])
                if first == last:  # most pieces have no such line, and need no search for newlines
                    yield [(piece, False)]
                else:
                    yield list(_cut(piece, (numbers[first:last] - number).tolist()))
                number += count


def _first_characters(pieces: Iterable[str], count: int) -> Iterator[str]:
    """Yield the first `count` characters, but read to the end: only there does a document detect a change."""
    for piece in pieces:
        if count > 0:
            yield piece[:count]
            count -= len(piece)


def _with_plain_ends(pieces: Iterable[str]) -> Iterator[str]:
    """Replace every line end by `\\n` and end the last line too; an empty text becomes one empty line."""
    carriage, last = "", ""
    for piece in pieces:
        text = carriage + piece
        carriage = "\r" if text.endswith("\r") else ""  # hold it back: its newline may begin the next piece
        text = text.removesuffix(carriage)
        if "\r" in text:  # a search for one character is much faster than for two
            text = text.replace("\r\n", "\n")
        if text:
            yield text
            last = text[-1]
    if carriage or last != "\n":
        yield carriage + "\n"


def _cut(piece: str, selected: list[int]) -> Iterator[tuple[str, bool]]:
    """Cut a piece into the selected lines and the text between them; lines are counted from 0 in the piece."""
    after = newline_offsets(piece) + 1  # where the line after each newline begins
    offset = 0
    for line in selected:
        start = int(after[line - 1]) if line else 0
        stop = int(after[line]) if line < len(after) else len(piece)
        yield piece[offset:start], False
        yield piece[start:stop], True
        offset = stop
    yield piece[offset:], False


def newline_offsets(text: str) -> NDArray[np.int64]:
    """Return the offset of each newline."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    return np.flatnonzero(points == ord("\n"))


def encode_sequences(
    tokenizer: Tokenizer, texts: Streams | Lines, *, close: bool, on_progress: OnProgress = ignore
) -> Iterator[Ids]:
    """Yield the token ids of all sequences, piece by piece; EOS ends every line, and each stream if `close`."""
    counter = PieceCounter("encoding", texts.characters, on_progress)
    for group in texts.groups():
        yield from tokenizer.encode_pieces(counter.count(group), mode=texts.mode)
        if close and texts.mode == TextMode.STREAM:
            yield np.array([tokenizer.EOS], dtype=np.int32)


def all_sequences(documents: Sequence[AnyDocument], mode: TextMode) -> Streams | Lines:
    """Return all sequences of the documents; an empty document has one empty line, and no stream."""
    if mode == TextMode.LINE:
        return Lines(tuple(documents))
    texts = tuple(document for document in documents if document.characters)
    return Streams(texts, tuple(document.characters for document in texts))


def sequences_of(text: str, mode: TextMode) -> list[str]:
    """Return the sequences of one text in memory."""
    return lines(text) if mode == TextMode.LINE else [text]
