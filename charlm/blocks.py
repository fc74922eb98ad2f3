"""Texts read block by block, for what does not need them whole: memory does not grow with them."""

import codecs
import gzip
import itertools
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import BinaryIO

from charlm.corpus import GZIP_MAGIC, STDIN, files, not_utf8, readable
from charlm.errors import CorpusError

_BYTES = 2**20  # of a block


def read_blocks(paths: Iterable[str | Path]) -> Iterator[Iterator[str]]:
    """The documents of files, folders, `.gz` and `-`, each to be read to its end before the next.

    A file of a folder that is no text counts up to where it is not. Raises CorpusNotFoundError for a path that does
    not exist, CorpusError where a single file is not UTF-8 text.
    """
    places = [str(path) for path in paths]
    for place in places:
        if place != STDIN:
            with readable(Path(place)):
                Path(place).stat()
    return itertools.chain.from_iterable(map(_documents, places))


def _documents(place: str) -> Iterator[Iterator[str]]:
    if place != STDIN:
        yield from (_file(file, one_of_many=file != Path(place)) for file in files(Path(place)))
    elif sys.stdin is None:
        raise CorpusError("stdin is closed: there is no text to read from it")
    else:
        yield _decoded(sys.stdin.buffer, "stdin")


def _file(path: Path, one_of_many: bool) -> Iterator[str]:
    with suppress(CorpusError) if one_of_many else nullcontext(), readable(path), path.open("rb") as file:
        packed = file.peek(2).startswith(GZIP_MAGIC)
        yield from _decoded(gzip.GzipFile(fileobj=file) if packed else file, str(path))


def _decoded(file: BinaryIO | gzip.GzipFile, name: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    begin = True
    offset = 0
    while True:
        data = file.read(_BYTES)
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise not_utf8(name, error.object[error.start], offset - pending + error.start) from None
        yield text.removeprefix("\ufeff") if begin else text
        begin = begin and not text
        offset += len(data)
        if not data:
            return
