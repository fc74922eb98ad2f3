"""Text files, folders of them, `.gz` and stdin → documents.

A document is the text of one file, every character kept. Whatever is not kept (a byte order mark, a file of a
folder that is no text) is said in a note; nothing is dropped in silence.
"""

import difflib
import errno
import gzip
import hashlib
import os
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from charlm.errors import CorpusError, CorpusNotFoundError

STDIN = "-"
STDIN_NAME = "stdin"
GZIP_MAGIC = b"\x1f\x8b"
_BLOCK = 1 << 20  # bytes of stdin read at once, and to the end of the line


@dataclass(frozen=True)
class Document:
    """The text of one file."""

    name: str
    text: str


@dataclass(frozen=True)
class Corpus:
    """Documents in the order given, and notes on what reading them left out."""

    documents: tuple[Document, ...]
    names: tuple[str, ...] = ()  # the paths it was read from, as given
    notes: tuple[str, ...] = ()

    @property
    def characters(self) -> int:
        return sum(len(document.text) for document in self.documents)

    def fingerprint(self) -> str:
        """SHA-256 of the texts in order; names do not count, the borders between texts do."""
        digest = hashlib.sha256()
        for document in self.documents:
            data = document.text.encode()
            digest.update(len(data).to_bytes(8, "little") + data)
        return digest.hexdigest()


def read(paths: Iterable[str | Path]) -> Corpus:
    """Read files, folders of them (sorted, hidden ones left out), `.gz` files, and stdin for `-`.

    Raises CorpusNotFoundError for a path that does not exist, CorpusError for one that is empty or not UTF-8 text.
    """
    documents: list[Document] = []
    notes: list[str] = []
    names = tuple(map(str, paths))
    for path in names:
        if path == STDIN:
            documents.append(read_stdin(notes))
        elif os.path.isdir(path):
            documents += _read_folder(Path(path), notes)
        else:
            documents.append(_read_file(Path(path), notes))
    empty = [document.name for document in documents if not document.text]
    if len(empty) == len(documents):
        raise CorpusError(f"{' and '.join(empty) or 'the corpus'} has no text in it: 0 characters")
    notes += [f"{name} is empty" for name in empty]
    return Corpus(tuple(document for document in documents if document.text), names, tuple(notes))


def read_stdin(notes: list[str]) -> Document:
    """Everything that is piped in. Raises CorpusError where it is not UTF-8 text."""
    return Document(STDIN_NAME, _decode(_stdin().read(), STDIN_NAME, notes))


def read_stdin_in_blocks(notes: list[str]) -> Iterator[str]:
    """The same in blocks of whole lines, of which one at a time is in memory. An empty stdin is one empty block."""
    stdin, offset = _stdin(), 0
    while (data := b"".join(stdin.readlines(_BLOCK))) or not offset:
        yield _decode(data, STDIN_NAME, notes, offset)
        if not data:
            return
        offset += len(data)


def stem(path: str) -> str:
    """The name a model gets from its corpus: `a/b.txt.gz` → `b`, a folder → its name, stdin → `stdin`."""
    if path == STDIN:
        return STDIN_NAME
    name = Path(path).resolve().name
    if Path(path).is_dir():
        return name
    return Path(name.removesuffix(".gz")).stem


def _read_folder(folder: Path, notes: list[str]) -> list[Document]:
    documents: list[Document] = []
    skipped: list[str] = []
    for path in files(folder):
        try:
            documents.append(_read_file(path, notes))
        except CorpusError:
            skipped.append(str(path.relative_to(folder)))
    if not documents:
        raise CorpusError(f"the folder {folder} has no text file in it")
    if skipped:
        names = ", ".join(skipped[:3]) + (", ..." if len(skipped) > 3 else "")
        notes.append(f"{len(skipped)} of the files in {folder} are not UTF-8 text and were left out: {names}")
    return documents


def files(path: Path) -> list[Path]:
    """The files of a folder, sorted, hidden ones left out; anything else is itself the one file."""
    if not os.path.isdir(path):
        return [path]
    found = sorted(path.rglob("*"), key=lambda file: file.as_posix())
    hidden = (any(part.startswith(".") for part in file.relative_to(path).parts) for file in found)
    return [file for file, out in zip(found, hidden, strict=True) if not out and file.is_file()]


def _read_file(path: Path, notes: list[str]) -> Document:
    with readable(path):
        data = path.read_bytes()
        if data.startswith(GZIP_MAGIC):
            data = gzip.decompress(data)
    return Document(str(path), _decode(data, str(path), notes))


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """What goes wrong with a file that is read, as a CorpusError."""
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


def _stdin() -> BinaryIO:
    if sys.stdin is None:
        raise CorpusError("stdin is closed: there is no text to read from it")
    return sys.stdin.buffer


def _decode(data: bytes, name: str, notes: list[str], offset: int = 0) -> str:
    """`offset`: how many bytes came before these; a mark stands at the very beginning."""
    for mark, encoding in ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16")):
        if data.startswith(mark) and not offset:
            raise CorpusError(f"{name} is {encoding}, not UTF-8; convert it: iconv -f {encoding} -t UTF-8")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise not_utf8(name, data[error.start], offset + error.start) from None
    if text.startswith("\ufeff") and not offset:
        notes.append(f"{name} begins with a byte order mark, which is not part of its text")
        text = text[1:]
    return text


def not_utf8(name: str, byte: int, offset: int) -> CorpusError:
    """What is said of a byte that is no text."""
    return CorpusError(
        f"{name} is not UTF-8 text: byte {byte:#04x} at offset {offset:,}; if it is Latin-1, "
        "convert it: iconv -f LATIN1 -t UTF-8"
    )
