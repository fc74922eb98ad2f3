"""Documents: the text of one file each, in memory or, if it is too large, read from disk whenever it is needed.

Both kinds yield their text in pieces and keep every character except a byte order mark. A stored document stops with an
error if its file no longer has the content of the first read.
"""

import codecs
import errno
import gzip
import hashlib
import itertools
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from charlm.errors import CorpusError, CorpusNotFoundError
from charlm.files.reading import read_errors
from charlm.progress import OnProgress, PieceCounter
from charlm.wording import nearest

PIECE = 2**20  # characters or bytes read at once
_MARK = b"\xef\xbb\xbf"  # byte order mark in UTF-8
_GZIP_MAGIC = b"\x1f\x8b"


class LineEnds(NamedTuple):
    """Counts of the line ends of a text."""

    total: int
    crlf: int  # those that are `\\r\\n`
    last_is_open: bool  # the last line has no line end


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
        return len(self.text.encode())

    @property
    def line_ends(self) -> LineEnds:
        return LineEnds(self.text.count("\n"), self.text.count("\r\n"), not self.text.endswith("\n"))

    def head(self, count: int) -> str:
        """Return the first `count` characters."""
        return self.text[:count]

    def tail(self, count: int) -> str:
        """Return the last `count` characters."""
        return self.text[len(self.text) - count :]

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
        return (piece.encode() for piece in self.pieces())


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

    def head(self, count: int) -> str:
        """Return the first `count` characters."""
        return first_characters(self.pieces(), count)

    def tail(self, count: int) -> str:
        """Return the last `count` characters."""
        if count == 0:
            return ""
        start = max(0, self.size - 4 * count)  # a character has at most four bytes
        data = b"".join(self._raw(start))
        # The start may lie inside a character: skip its continuation bytes.
        first = next((offset for offset, byte in enumerate(data[:4]) if byte & 0xC0 != 0x80), 0)
        text = data[first:].decode("utf-8", "replace")  # a changed file is reported when it is read to the end
        return text[max(0, len(text) - count) :]

    def pieces(self) -> Iterator[str]:
        """Yield the text in pieces, each of which ends after its last newline if it has one."""
        return decode_blocks(self.blocks(), self.name, len(_MARK) * self.marked)

    def blocks(self) -> Iterator[bytes]:
        """Yield the text as UTF-8, cut anywhere. Raises CorpusError at the end if the file has changed."""
        digest = hashlib.sha256()
        for block in self._raw(0):
            digest.update(block)
            yield block
        if digest.hexdigest() != self.sha256:
            raise CorpusError(f"{self.name} changed while charlm was reading it; do not edit it before training begins")

    def _raw(self, start: int) -> Iterator[bytes]:
        return raw_blocks(self.path, start + len(_MARK) * self.marked)


AnyDocument = Document | StoredDocument


def decompressed(file: BinaryIO) -> BinaryIO | gzip.GzipFile:
    """Return the file itself, or its decompressed content if it begins as gzip does, whatever its name."""
    is_gzip = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
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


def document_from_bytes(name: str, data: bytes, notes: list[str]) -> Document:
    """Decode a document, and note a byte order mark. Raises CorpusError if the bytes are not UTF-8 text."""
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
    """Read a file once to describe it, without keeping its text. Raises CorpusError if it is not UTF-8 text."""
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

    characters, total, crlf, last = 0, 0, 0, ""
    for piece in PieceCounter("reading", None, on_progress).count(decode_blocks(blocks(), name, len(_MARK) * marked)):
        characters += len(piece)
        total += piece.count("\n")
        if "\r" in piece:  # a search for one character is much faster than for two
            crlf += piece.count("\r\n")
        crlf += last == "\r" and piece[0] == "\n"
        last = piece[-1]
    line_ends = LineEnds(total, crlf, last != "\n")
    return StoredDocument(name, path, marked, characters, size, line_ends, digest.hexdigest())


def decode_stream(name: str, blocks: Iterable[bytes], notes: list[str]) -> Iterator[str]:
    """Decode a stream that can be read only once into pieces, and note a byte order mark. Raises CorpusError."""
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
    """Decode UTF-8 blocks, cut anywhere, into pieces, each of which ends after its last newline if it has one.

    offset: position of the first block in the file. Raises CorpusError, with the offset, for bytes that are not UTF-8.
    """
    cut, line = b"", ""  # the incomplete character, and the incomplete line, at the end of the last block
    for data in _with_empty_last(blocks):
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


def _with_empty_last(blocks: Iterable[bytes]) -> Iterator[bytes]:
    yield from blocks
    yield b""


def _refuse_utf16(name: str, data: bytes) -> None:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise CorpusError(f"{name} is UTF-16, not UTF-8; convert it: iconv -f UTF-16 -t UTF-8")


def _note_mark(name: str, notes: list[str]) -> None:
    notes.append(f"{name} begins with a byte order mark, which was removed")


def _not_utf8(name: str, byte: int, offset: int) -> CorpusError:
    return CorpusError(
        f"{name} is not UTF-8 text: byte {byte:#04x} at offset {offset:,}; if it is Latin-1, "
        "convert it: iconv -f LATIN1 -t UTF-8"
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
