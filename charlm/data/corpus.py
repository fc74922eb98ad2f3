"""Read text files, folders of text files, gzip files, and stdin into documents.

A document is the text of one file with every character. A note names everything that is left out: a byte order mark, or
a file of a folder that is not text. Notes also name line ends that charlm does not read as such. Documents are kept in
memory up to a limit for all of them. The others stay in their files; a long text from a pipe is copied to a temporary
file.

A tokenizer of bytes reads any bytes: with `any_bytes`, a text need not be UTF-8 (`charlm.raw_bytes`).
"""

import hashlib
import io
import itertools
import os
import stat
import sys
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from charlm.data import cache
from charlm.data.documents import (
    GZIP_MAGIC,
    PIECE,
    AnyDocument,
    StoredDocument,
    corpus_errors,
    decompressed,
    document_from_bytes,
    document_from_file,
    first_characters,
    raw_blocks,
)
from charlm.errors import CorpusError
from charlm.files import decoding, line_ends
from charlm.files.decoding import decode_stream
from charlm.files.line_ends import LineEndCounter
from charlm.files.origin import Origin
from charlm.files.reading import reason
from charlm.progress import OnProgress, ignore
from charlm.wording import plural

STDIN = "-"
STDIN_NAME = "stdin"
IN_MEMORY = 2**24  # bytes of text that are kept in memory
_MOST_NOTES = 3  # on the files of one folder


@dataclass(frozen=True)
class Corpus:
    """Documents in the order given, and notes on what was left out."""

    documents: tuple[AnyDocument, ...]
    names: tuple[str, ...] = ()  # the paths it was read from, as given
    notes: tuple[str, ...] = ()

    @property
    def characters(self) -> int:
        return sum(document.characters for document in self.documents)

    @property
    def large(self) -> bool:
        """Whether some of the text is not in memory."""
        return any(isinstance(document, StoredDocument) for document in self.documents)

    def fingerprint(self) -> str:
        """Return the SHA-256 of the texts in order, and of the borders between them, but not of their names."""
        known = vars(self)  # functools.cached_property has a lock, which a forked child would wait for forever
        if "_sha256" not in known:
            known["_sha256"] = self._digest()
        return str(known["_sha256"])

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for document in self.documents:
            digest.update(document.size.to_bytes(8, "little"))
            for block in document.blocks():
                digest.update(block)
        return digest.hexdigest()


def read(paths: Iterable[str | Path], on_progress: OnProgress = ignore, *, any_bytes: bool = False) -> Corpus:
    """Read files, gzip files, folders (sorted, without hidden files), and stdin for `-`.

    on_progress: called now and then while a long text is read. any_bytes: keep bytes that are not UTF-8. Raises
    CorpusNotFoundError if a path does not exist, CorpusError if a file is empty or not UTF-8 text, SaveError if the
    disk has no room for a long text from a pipe.
    """
    documents: list[AnyDocument] = []
    names = tuple(map(str, paths))
    reader = _Reader(on_progress, any_bytes)
    for path in names:
        if path == STDIN:
            documents.append(reader.stdin())
        elif os.path.isdir(path):
            documents += reader.folder(Path(path))
        else:
            documents.append(reader.file(Path(path)))
    empty = [document.name for document in documents if not document.characters]
    if len(empty) == len(documents):
        raise CorpusError(f"{' and '.join(empty) or 'the corpus'} contains no text: 0 characters")
    notes = reader.notes + [f"{name} is empty" for name in empty]
    return Corpus(tuple(document for document in documents if document.characters), names, tuple(notes))


def require_files(paths: Iterable[str | Path]) -> None:
    """Raise CorpusNotFoundError for the first path that does not exist; `-` always does."""
    for path in map(Path, paths):
        if str(path) != STDIN:
            with corpus_errors(path):
                path.stat()


def read_stdin(notes: list[str], *, any_bytes: bool = False) -> AnyDocument:
    """Read all of stdin, which may be empty. Raises CorpusError if it is not UTF-8 text."""
    reader = _Reader(ignore, any_bytes)
    document = reader.stdin()
    notes += reader.notes
    return document


def stream_stdin(notes: list[str], *, any_bytes: bool = False) -> Iterator[str]:
    """Yield stdin in pieces as they arrive, without keeping them. `notes` is complete after the last piece."""
    stdin, origin, counter = _stdin(), Origin(STDIN_NAME), LineEndCounter()

    def blocks() -> Iterator[bytes]:
        with corpus_errors(Path(STDIN_NAME)):
            yield from iter(lambda: stdin.read1(PIECE), b"")

    for piece in decode_stream(origin, blocks(), notes, any_bytes=any_bytes):
        counter.add(piece)
        yield piece
    line_ends.note_unusual(origin, counter.counts(), notes)


def read_beginning(path: str, characters: int, notes: list[str], *, any_bytes: bool = False) -> str:
    """Return the first characters of a file or of stdin; the rest of a file is not read.

    Raises CorpusNotFoundError, or CorpusError if they are not UTF-8 text.
    """
    if path == STDIN:
        return read_stdin(notes, any_bytes=any_bytes).head(characters)
    origin = Origin(path, is_file=os.path.isfile(path), is_gzip=path.endswith(".gz"))
    text = first_characters(decode_stream(origin, raw_blocks(Path(path)), notes, any_bytes=any_bytes), characters)
    line_ends.note_unusual(origin, line_ends.count(text), notes)
    return text


def stem(path: str) -> str:
    """Return the name of a model from its corpus: `a/b.txt.gz` → `b`, a folder → its name, stdin → `stdin`."""
    if path == STDIN:
        return STDIN_NAME
    name = Path(path).resolve().name
    if os.path.isdir(path):
        return name
    return Path(name.removesuffix(".gz")).stem


class _Reader:
    """Reads one path after another into memory until IN_MEMORY bytes are used, and collects notes."""

    def __init__(self, on_progress: OnProgress, any_bytes: bool) -> None:
        self.notes: list[str] = []
        self._room = IN_MEMORY
        self._on_progress, self._any_bytes = on_progress, any_bytes

    def stdin(self) -> AnyDocument:
        with corpus_errors(Path(STDIN_NAME)):
            return self._read(STDIN_NAME, _stdin(), None)

    def folder(self, folder: Path) -> list[AnyDocument]:
        documents: list[AnyDocument] = []
        skipped: list[str] = []
        earlier = len(self.notes)
        for path in self._files(folder):
            try:
                if self._any_bytes:
                    decoding.refuse_binary(Origin(str(path)), decoding.first_bytes(raw_blocks(path)))
                documents.append(self.file(path))
            except CorpusError as error:
                if isinstance(error.__context__, OSError):
                    self.notes.append(f"left out: {error}")
                else:
                    skipped.append(str(path.relative_to(folder)))
        if not documents:
            raise CorpusError(f"the folder {folder} contains no text file")
        if further := len(self.notes[earlier + _MOST_NOTES :]):
            more = f"{plural(further, 'more note')} on files of {folder} {'are' if further > 1 else 'is'} not shown"
            self.notes[earlier + _MOST_NOTES :] = [more]
        if skipped:
            names = ", ".join(skipped[:3]) + (", ..." if len(skipped) > 3 else "")
            self.notes.append(f"left out {plural(len(skipped), 'file')} of {folder} without UTF-8 text: {names}")
        return documents

    def _files(self, folder: Path) -> list[Path]:
        """Return the files of a folder and of the folders in it, sorted, without hidden ones.

        Note a folder that cannot be read. Raises CorpusError if none can.
        """
        paths: list[Path] = []
        refused: list[OSError] = []
        for parent, folders, names in os.walk(folder, onerror=refused.append):
            folders[:] = [name for name in folders if not name.startswith(".")]
            paths += [Path(parent, name) for name in names if not name.startswith(".")]
        for error in refused:
            problem = f"{error.filename} cannot be read: {reason(error)}"
            if not paths:
                raise CorpusError(problem)
            self.notes.append(f"left out: {problem}")
        return sorted((path for path in paths if path.is_file()), key=Path.as_posix)

    def file(self, path: Path) -> AnyDocument:
        with corpus_errors(path), path.open("rb") as file:
            is_rereadable = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            return self._read(str(path), file, path if is_rereadable else None)

    def _read(self, name: str, file: BinaryIO, path: Path | None) -> AnyDocument:
        """Read one document. path: the file, None if its content can be read only once."""
        begun = file.read(max(self._room + 1, len(GZIP_MAGIC)))
        origin = Origin(name, is_file=path is not None, is_gzip=begun.startswith(GZIP_MAGIC))
        data = begun if len(begun) > self._room else decompressed(io.BytesIO(begun)).read(self._room + 1)
        if len(data) <= self._room:
            self._room -= len(data)
            return document_from_bytes(origin, data, self.notes, any_bytes=self._any_bytes)
        if path is not None:
            return self._stored(origin, path)
        copy = _copied(itertools.chain([begun], iter(lambda: file.read(PIECE), b"")))
        try:
            document = self._stored(origin, copy)
        except BaseException:
            _delete(copy)
            raise
        weakref.finalize(document, _delete, copy)
        return document

    def _stored(self, origin: Origin, path: Path) -> StoredDocument:
        return document_from_file(origin, path, self.notes, self._on_progress, any_bytes=self._any_bytes)


def _stdin() -> io.BufferedReader:
    if sys.stdin is None:
        raise CorpusError("stdin is closed, so no text can be read from it")
    return cast(io.BufferedReader, sys.stdin.buffer)


def _copied(blocks: Iterable[bytes]) -> Path:
    """Copy blocks to a new file in the cache folder. Raises SaveError."""
    folder = cache.make_folder()
    path = None
    try:
        with tempfile.NamedTemporaryFile(prefix=cache.PIPED, dir=folder, delete=False) as file:
            path = Path(file.name)
            for block in blocks:
                file.write(block)
        return path
    except BaseException as error:
        if path:
            _delete(path)
        raise cache.not_written(error) if isinstance(error, OSError) else error from None


def _delete(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
