"""A document is the text of one file: held in memory or, where that would be too much, read whenever it is needed.

Both kinds give their text in pieces, every character of it but a byte order mark. A document that is read again is
compared with what it was the first time.
"""

import codecs
import difflib
import errno
import gzip
import hashlib
import itertools
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, NamedTuple

from charlm.errors import CorpusError, CorpusNotFoundError
from charlm.progress import OnProgress, PieceCounter

PIECE = 2**20  # characters or bytes taken at once
_MARK = b"\xef\xbb\xbf"  # a byte order mark in UTF-8


class Lines(NamedTuple):
    """Line ends of a text: how many, and how many of them are `\\r\\n`; `open`: the last line has none."""

    ends: int
    crlf: int
    open: bool


@dataclass(frozen=True)
class Document:
    """A text in memory."""

    name: str
    text: str

    @property
    def characters(self) -> int:
        return len(self.text)

    @cached_property
    def size(self) -> int:
        """Bytes in UTF-8."""
        return len(self.text.encode())

    @cached_property
    def lines(self) -> Lines:
        return Lines(self.text.count("\n"), self.text.count("\r\n"), not self.text.endswith("\n"))

    def head(self, count: int) -> str:
        """The first `count` characters."""
        return self.text[:count]

    def tail(self, count: int) -> str:
        """The last `count` characters."""
        return self.text[len(self.text) - count :]

    def pieces(self) -> Iterator[str]:
        """The text, in pieces that end after a newline where there is one."""
        start = 0
        while start < len(self.text):
            end = min(start + PIECE, len(self.text))
            if end < len(self.text):
                end = self.text.rfind("\n", start, end) + 1 or end
            yield self.text[start:end]
            start = end

    def blocks(self) -> Iterator[bytes]:
        """The same as UTF-8."""
        return (piece.encode() for piece in self.pieces())


@dataclass(frozen=True)
class StoredDocument:
    """A text in a file, which may be packed by gzip. What reads it to its end raises CorpusError if it has changed."""

    name: str
    path: Path
    marked: bool  # it begins with a byte order mark, which is not part of the text
    characters: int
    size: int  # bytes in UTF-8
    lines: Lines
    sha256: str

    def head(self, count: int) -> str:
        """The first `count` characters."""
        return first_characters(self.pieces(), count)

    def tail(self, count: int) -> str:
        """The last `count` characters."""
        if count == 0:
            return ""
        start = max(0, self.size - 4 * count)  # a character has at most four bytes
        data = b"".join(self._raw(start))
        inside = next((place for place, byte in enumerate(data[:4]) if byte & 0xC0 != 0x80), 0)
        text = data[inside:].decode("utf-8", "replace")  # if it has changed, whoever reads all of it will say so
        return text[max(0, len(text) - count) :]

    def pieces(self) -> Iterator[str]:
        """The text, in pieces that end after a newline where there is one."""
        return decode_blocks(self.blocks(), self.name, len(_MARK) * self.marked)

    def blocks(self) -> Iterator[bytes]:
        """The same as UTF-8, cut anywhere."""
        digest = hashlib.sha256()
        for block in self._raw(0):
            digest.update(block)
            yield block
        if digest.hexdigest() != self.sha256:
            raise CorpusError(f"{self.name} has changed while it was read; leave it as it is until training begins")

    def _raw(self, start: int) -> Iterator[bytes]:
        return raw_blocks(self.path, start + len(_MARK) * self.marked)


AnyDocument = Document | StoredDocument


def decompressed(file: BinaryIO) -> BinaryIO | gzip.GzipFile:
    """A file, or what is in it if it was packed by gzip: by its content, whatever its name."""
    packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    file.seek(0)
    return gzip.GzipFile(fileobj=file) if packed else file


def raw_blocks(path: Path, start: int = 0) -> Iterator[bytes]:
    """The bytes of a file, unpacked, from a place on. Raises CorpusError."""
    with readable(path), path.open("rb") as file:
        data = decompressed(file)
        data.seek(start)
        while block := data.read(PIECE):
            yield block


def first_characters(pieces: Iterable[str], count: int) -> str:
    """The first `count` characters; what comes after them is not asked for."""
    found = ""
    for piece in pieces:
        found += piece
        if len(found) >= count:
            break
    return found[:count]


def document_from_bytes(name: str, data: bytes, notes: list[str]) -> Document:
    """A document of these bytes. Raises CorpusError where they are no UTF-8 text."""
    _refuse_utf16(name, data)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_utf8(name, data[error.start], error.start) from None
    if text.startswith("\ufeff"):
        _note_mark(name, notes)
        text = text[1:]
    return Document(name, text)


def document_from_file(name: str, path: Path, notes: list[str], on_progress: OnProgress) -> StoredDocument:
    """A document in a file, which is read once for that. Raises CorpusError where it is no UTF-8 text."""
    first = next(raw_blocks(path), b"")
    _refuse_utf16(name, first)
    marked = first.startswith(_MARK)
    if marked:
        _note_mark(name, notes)
    digest, size = hashlib.sha256(), 0

    def blocks() -> Iterator[bytes]:
        nonlocal size
        for block in raw_blocks(path, len(_MARK) * marked):
            digest.update(block)
            size += len(block)
            yield block

    characters, ends, crlf, last = 0, 0, 0, ""
    for piece in PieceCounter("reading", None, on_progress).count(decode_blocks(blocks(), name, len(_MARK) * marked)):
        characters += len(piece)
        ends += piece.count("\n")
        if "\r" in piece:  # one letter is found sooner than two
            crlf += piece.count("\r\n")
        crlf += last == "\r" and piece[0] == "\n"
        last = piece[-1]
    return StoredDocument(name, path, marked, characters, size, Lines(ends, crlf, last != "\n"), digest.hexdigest())


def decode_stream(name: str, blocks: Iterable[bytes], notes: list[str]) -> Iterator[str]:
    """The text of what comes but once, in pieces as `decoded` gives them. Raises CorpusError."""
    rest = iter(blocks)
    first = b""
    while len(first) < len(_MARK) and (more := next(rest, b"")):
        first += more
    _refuse_utf16(name, first)
    mark = len(_MARK) * first.startswith(_MARK)
    if mark:
        _note_mark(name, notes)
    return decode_blocks(itertools.chain([first[mark:]], rest), name, mark)


def decode_blocks(blocks: Iterable[bytes], name: str, offset: int = 0) -> Iterator[str]:
    """Text of UTF-8 that is cut anywhere, in pieces that end after a newline where there is one.

    offset: where in the file the first block begins. Raises CorpusError, with the place, for what is no UTF-8.
    """
    cut, line = b"", ""  # the beginning of a character, of a line
    for data in _and_end(blocks):
        block = cut + data
        try:
            text, used = codecs.utf_8_decode(block, "strict", not data)
        except UnicodeDecodeError as error:
            raise _not_utf8(name, block[error.start], offset + error.start) from None
        offset += used
        cut = block[used:]
        end = (text.rfind("\n") + 1 or len(text)) if data else len(text)
        if line or end:
            yield line + text[:end]
        line = text[end:]


def _and_end(blocks: Iterable[bytes]) -> Iterator[bytes]:
    yield from blocks
    yield b""


def _refuse_utf16(name: str, data: bytes) -> None:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise CorpusError(f"{name} is UTF-16, not UTF-8; convert it: iconv -f UTF-16 -t UTF-8")


def _note_mark(name: str, notes: list[str]) -> None:
    notes.append(f"{name} begins with a byte order mark, which is not part of its text")


def _not_utf8(name: str, byte: int, offset: int) -> CorpusError:
    return CorpusError(
        f"{name} is not UTF-8 text: byte {byte:#04x} at offset {offset:,}; if it is Latin-1, "
        "convert it: iconv -f LATIN1 -t UTF-8"
    )


GZIP_MAGIC = b"\x1f\x8b"


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """While a file is opened and read. Raises CorpusNotFoundError, CorpusError."""
    try:
        yield
    except FileNotFoundError:
        raise CorpusNotFoundError(f"there is no file {path}{_nearest(path)}") from None
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise CorpusError(f"{path} is not a complete gzip file; compress it again") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise CorpusNotFoundError(f"there is no file {path}: no name can be so long") from None
        raise CorpusError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise CorpusNotFoundError(f"there is no file {str(path)!r}: no name has a NUL in it") from None


def _nearest(path: Path) -> str:
    try:
        neighbours = [other.name for other in path.parent.iterdir()]
    except OSError:
        return f", nor a folder {path.parent}"
    near = difflib.get_close_matches(path.name, neighbours, n=1)
    return f"; did you mean {path.parent / near[0]}?" if near else ""
