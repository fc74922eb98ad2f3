"""The text of a file of examples, its lines, and limits that a damaged or hostile file exceeds."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from charlm import raw_bytes
from charlm.data import corpus
from charlm.data.documents import GZIP_MAGIC, corpus_errors, raw_blocks
from charlm.errors import CorpusError
from charlm.examples import Place
from charlm.files import decoding
from charlm.files.decoding import MARK
from charlm.files.origin import Origin
from charlm.wording import plural, quoted

LONGEST_TEXT = 2**17  # characters of a text, and of a field; the csv module has the same limit
LONGEST_LABEL = 256
MOST_LABELS = 10_000
MOST_COLUMNS = 2**16
LARGEST = 2**30  # bytes of a file, which is read into memory


@dataclass(frozen=True)
class Source:
    """The text of a file, or its beginning.

    lines: without line ends. filled: those that are not blank. is_cut: the file goes on after the last line.
    """

    name: str
    text: str
    lines: tuple[str, ...]
    filled: tuple[str, ...]
    is_cut: bool = False

    @property
    def suffix(self) -> str:
        """The suffix of the file's name in lower case, such as `.csv`; `.gz` is ignored."""
        return Path(self.name.lower().removesuffix(".gz")).suffix

    def at(self, line: int) -> Place:
        """Return the place of a line, counted from 1."""
        return Place(self.name, line)

    def numbered(self) -> Iterator[tuple[Place, str]]:
        """Yield each line that is not blank, with its place."""
        for number, line in enumerate(self.lines, 1):
            if line and not line.isspace():
                yield self.at(number), line

    def blank_lines(self) -> int:
        """Return the number of blank lines."""
        return len(self.lines) - len(self.filled)


def from_text(name: str, text: str, *, is_cut: bool = False) -> Source:
    """Return a source. A line ends at LF or CR LF, or at CR if the text has no LF."""
    if "\n" not in text and "\r" in text:
        text = text.replace("\r", "\n")
    lines = text.split("\n")
    if not lines[-1] or is_cut:
        lines.pop()
    lines = [line.removesuffix("\r") for line in lines]
    return Source(name, text, tuple(lines), tuple(line for line in lines if line and not line.isspace()), is_cut)


def read(path: str, notes: list[str], *, any_bytes: bool = False) -> Source:
    """Read a file, which may be gzipped and may be empty, or stdin for `-`.

    any_bytes: keep bytes that are not UTF-8. Raises CorpusNotFoundError, or CorpusError if the file cannot be read, is
    not UTF-8 text, or is too large.
    """
    if path == corpus.STDIN:
        document = corpus.read_stdin(notes, any_bytes=any_bytes)
        return from_text(document.name, "".join(document.pieces()))
    blocks, size = [], 0
    for block in raw_blocks(Path(path)):
        blocks.append(block)
        size += len(block)
        if size > LARGEST:
            raise CorpusError(f"{path} has more than {LARGEST:,} bytes, too many for a file of examples; give a part")
    data = b"".join(blocks)
    with corpus_errors(Path(path)), Path(path).open("rb") as file:
        origin = Origin(path, is_file=os.path.isfile(path), is_gzip=file.read(len(GZIP_MAGIC)) == GZIP_MAGIC)
    decoding.refuse_other_encoding(origin, data)
    start = len(MARK) * data.startswith(MARK)
    if start:
        decoding.note_mark(origin, notes)
    text = "".join(decoding.decode_blocks(origin, [data[start:]], start, any_bytes=any_bytes, reread=lambda: [data]))
    if any_bytes and raw_bytes.has_raw_bytes(text):
        decoding.note_raw_bytes(origin, decoding.examine([data]), notes)
    return from_text(path, text)


def read_with_examples(path: str, notes: list[str], *, any_bytes: bool = False) -> Source:
    """Read a file as `read` does. Raises CorpusError if it is empty or contains NUL too."""
    source = read(path, notes, any_bytes=any_bytes)
    if not source.filled:
        raise CorpusError(f"{source.name} contains no example: {plural(len(source.text), 'character')}")
    if "\0" in source.text:
        line = source.text.count("\n", 0, source.text.index("\0")) + 1
        raise CorpusError(f"{source.at(line)} contains NUL, which no format of examples has; remove it")
    return source


def beginning(path: str) -> Source | None:
    """Return the first megabyte of a file, up to a line end. Bytes that are not UTF-8 are kept.

    Return None for what is read as plain text whatever it contains: stdin, pipes, folders, an empty or binary file, a
    text in UTF-16, and one whose first line is longer.
    """
    if path == corpus.STDIN or os.path.isdir(path):
        return None
    with corpus_errors(Path(path)):
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
    blocks = raw_blocks(Path(path))
    data = next(blocks, b"")
    is_cut = bool(data) and bool(next(blocks, b""))
    if not data.strip() or 0 in data or decoding.recognize(data) or decoding.is_binary(data):
        return None
    if is_cut:
        data = data[: max(data.rfind(b"\n"), data.rfind(b"\r")) + 1]
    text = data.removeprefix(MARK).decode("utf-8", raw_bytes.ERRORS)
    return from_text(path, text, is_cut=is_cut) if text else None


def checked_text(where: Place, text: str, what: str = "a text") -> str:
    """Return a text. Raises CorpusError if it is too long."""
    if len(text) > LONGEST_TEXT:
        raise CorpusError(
            f"{where} has {what} of {plural(len(text), 'character')}, and at most {LONGEST_TEXT:,} are read; shorten it"
        )
    return text


def checked_label(where: Place, label: str, what: str = "label") -> str:
    """Return a label or a tag without spaces around it. Raises CorpusError if it is empty or too long."""
    label = label.strip()
    if not label:
        raise CorpusError(f"{where} has no {what}; give each example one, or remove the line")
    if len(label) > LONGEST_LABEL:
        raise CorpusError(
            f"{where} has a {what} of {plural(len(label), 'character')}, {quoted(label)}; a {what} has at most"
            f" {LONGEST_LABEL}, so check which column it is"
        )
    return label


def few_columns(where: Place, count: int) -> None:
    """Raise CorpusError if a row has more columns than any table needs."""
    if count > MOST_COLUMNS:
        raise CorpusError(f"{where} has {count:,} columns, and at most {MOST_COLUMNS:,} are read; check the separator")
