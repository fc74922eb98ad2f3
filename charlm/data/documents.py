"""Documents: the text of one file each, in memory or, if it is too large, read from disk whenever it is needed.

Both kinds yield their text in pieces and keep every character except a byte order mark. A stored document stops with an
error if its file no longer has the content of the first read. Bytes that are not UTF-8 are an error, or are kept
(`charlm.raw_bytes`) if the reader asks for any bytes.
"""

import errno
import gzip
import hashlib
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from charlm import raw_bytes
from charlm.errors import CorpusError, CorpusNotFoundError
from charlm.files import decoding, line_ends
from charlm.files.decoding import MARK, decode_blocks
from charlm.files.line_ends import LineEndCounter, LineEnds
from charlm.files.origin import Origin
from charlm.files.reading import read_errors
from charlm.progress import OnProgress, PieceCounter
from charlm.wording import nearest

PIECE = 2**20  # characters or bytes read at once
GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class Document:
    """Text in memory."""

    name: str
    text: str

    @property
    def characters(self) -> int:
        return len(self.text)

    @property
    def size(self) -> int:
        """Size of the text in bytes of UTF-8."""
        return len(raw_bytes.to_bytes(self.text))

    @property
    def line_ends(self) -> LineEnds:
        return line_ends.count(self.text)

    def head(self, count: int) -> str:
        """Return the first `count` characters."""
        return self.text[:count]

    def tail(self, count: int) -> str:
        """Return the last `count` characters."""
        return self.text[max(0, len(self.text) - count) :]

    def pieces(self) -> Iterator[str]:
        """Yield the text in pieces, each of which ends after its last newline if it has one."""
        start = 0
        while start < len(self.text):
            end = min(start + PIECE, len(self.text))
            if end < len(self.text):
                end = self.text.rfind("\n", start, end) + 1 or end
            yield self.text[start:end]
            start = end

    def blocks(self) -> Iterator[bytes]:
        """Yield the text as UTF-8."""
        return map(raw_bytes.to_bytes, self.pieces())


@dataclass(frozen=True)
class StoredDocument:
    """Text in a file, which may be gzipped. Reading it to the end raises CorpusError if the file has changed."""

    name: str
    path: Path
    marked: bool  # the file begins with a byte order mark, which is not part of the text
    characters: int
    size: int  # bytes in UTF-8
    line_ends: LineEnds
    sha256: str
    any_bytes: bool = False  # bytes that are not UTF-8 are kept

    def head(self, count: int) -> str:
        """Return the first `count` characters."""
        return first_characters(self.pieces(), count)

    def tail(self, count: int) -> str:
        """Return the last `count` characters."""
        if count == 0:
            return ""
        # A character has at most four bytes. The start may lie inside a character, whose last bytes come before these.
        data = b"".join(self._raw(max(0, self.size - 4 * count - 3)))
        text = data.decode("utf-8", raw_bytes.ERRORS)  # a changed file is reported when it is read to the end
        return text[max(0, len(text) - count) :]

    def pieces(self) -> Iterator[str]:
        """Yield the text in pieces, each of which ends after its last newline if it has one."""
        return decode_blocks(Origin(self.name), self.blocks(), len(MARK) * self.marked, any_bytes=self.any_bytes)

    def blocks(self) -> Iterator[bytes]:
        """Yield the text as UTF-8, cut anywhere. Raises CorpusError at the end if the file has changed."""
        digest = hashlib.sha256()
        for block in self._raw(0):
            digest.update(block)
            yield block
        if digest.hexdigest() != self.sha256:
            raise CorpusError(f"{self.name} changed while charlm was reading it; do not edit it before training begins")

    def _raw(self, start: int) -> Iterator[bytes]:
        return raw_blocks(self.path, start + len(MARK) * self.marked)


AnyDocument = Document | StoredDocument


def decompressed(file: BinaryIO) -> BinaryIO | gzip.GzipFile:
    """Return the file itself, or its decompressed content if it begins as gzip does, whatever its name."""
    is_gzip = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    file.seek(0)
    return gzip.GzipFile(fileobj=file) if is_gzip else file


def raw_blocks(path: Path, start: int = 0) -> Iterator[bytes]:
    """Yield the decompressed bytes of a file from an offset on. Raises CorpusError if the file cannot be read."""
    with corpus_errors(path), path.open("rb") as file:
        data = decompressed(file)
        data.seek(start)
        while block := data.read(PIECE):
            yield block


def first_characters(pieces: Iterable[str], count: int) -> str:
    """Return the first `count` characters, and request no piece after them."""
    text = ""
    for piece in pieces:
        text += piece
        if len(text) >= count:
            break
    return text[:count]


def first_texts(texts: Iterable[str], count: int) -> list[str]:
    """Return texts from the first on, at least one, until they have `count` characters; the last may be cut."""
    chosen: list[str] = []
    for text in texts:
        chosen.append(text[:count])
        count -= len(text)
        if count <= 0:
            break
    return chosen


def document_from_bytes(origin: Origin, data: bytes, notes: list[str], *, any_bytes: bool = False) -> Document:
    """Decode a document, and note what is unusual about it. Raises CorpusError if the bytes are not UTF-8 text."""
    decoding.refuse_other_encoding(origin, data)
    if data.startswith(MARK):
        decoding.note_mark(origin, notes)
    start = len(MARK) * data.startswith(MARK)
    pieces = decode_blocks(origin, [data[start:]], start, any_bytes=any_bytes, reread=lambda: [data])
    document = Document(origin.name, "".join(pieces))
    if any_bytes and raw_bytes.has_raw_bytes(document.text):
        decoding.note_raw_bytes(origin, decoding.examine([data]), notes)
        if decoding.is_binary(data):
            return document
    line_ends.note_unusual(origin, document.line_ends, notes)
    return document


def document_from_file(
    origin: Origin, path: Path, notes: list[str], on_progress: OnProgress, *, any_bytes: bool = False
) -> StoredDocument:
    """Read a file once to describe it, without keeping its text. Raises CorpusError if it is not UTF-8 text."""
    first = decoding.first_bytes(raw_blocks(path))
    decoding.refuse_other_encoding(origin, first)
    start = len(MARK) * first.startswith(MARK)
    if start:
        decoding.note_mark(origin, notes)
    digest, size = hashlib.sha256(), 0

    def blocks() -> Iterator[bytes]:
        nonlocal size
        for block in raw_blocks(path, start):
            digest.update(block)
            size += len(block)
            yield block

    characters, has_raw_bytes, counter = 0, False, LineEndCounter()
    pieces = decode_blocks(origin, blocks(), start, any_bytes=any_bytes, reread=partial(raw_blocks, path))
    for piece in PieceCounter("reading", None, on_progress).count(pieces):
        characters += len(piece)
        counter.add(piece)
        has_raw_bytes = has_raw_bytes or (any_bytes and raw_bytes.has_raw_bytes(piece))
    if has_raw_bytes:
        decoding.note_raw_bytes(origin, decoding.examine(raw_blocks(path)), notes)
    if not (has_raw_bytes and decoding.is_binary(first)):
        line_ends.note_unusual(origin, counter.counts(), notes)
    return StoredDocument(
        origin.name, path, start > 0, characters, size, counter.counts(), digest.hexdigest(), any_bytes
    )


@contextmanager
def corpus_errors(path: Path) -> Iterator[None]:
    """Turn errors of opening, reading and decompressing a file into CorpusNotFoundError and CorpusError."""
    with read_errors(path, CorpusError):
        try:
            yield
        except FileNotFoundError:
            raise CorpusNotFoundError(f"there is no file {path}{_suggestion(path)}") from None
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise CorpusError(f"{path} is not a complete gzip file; compress it again") from None
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise CorpusNotFoundError(f"there is no file {path}: the name is too long") from None
            raise
        except ValueError:
            raise CorpusNotFoundError(f"there is no file {str(path)!r}: a name cannot contain NUL") from None


def _suggestion(path: Path) -> str:
    try:
        neighbors = [other.name for other in path.parent.iterdir() if not other.name.startswith(".")]
    except OSError:
        return f", nor a folder {path.parent}"
    stems = {name.removesuffix(path.suffix): name for name in neighbors}  # a common suffix is not a likeness
    near = nearest(path.stem, stems)
    return f"; did you mean {path.parent / stems[near[0]]}?" if near else ""
