"""Symbol numbers laid on a ring: in memory, or in files of the cache folder that are mapped into it.

    <SHA-256>/targets      the ids, two bytes each or four, the lowest first
              starts       where sequences start, eight bytes each
              ids.json     sizes and SHA-256 of the other two, how often each symbol is there, what was encoded

The name is the SHA-256 of all that the ids depend on. A folder that does not agree with itself is written anew.
"""

import hashlib
import mmap
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charlm.data import cache
from charlm.data.windows import TokenRing
from charlm.errors import ModelError
from charlm.files.atomic import parse_json, read_file, to_json
from charlm.tokenizers import Ids, Tokenizer

FORMAT_VERSION = 1
_TARGETS, _STARTS, _ABOUT = "targets", "starts", "ids.json"
_START = np.dtype("<i8")
_LARGEST_ABOUT = 2**28  # bytes
_BLOCK = 2**20  # bytes


class StoredTokens(NamedTuple):
    """A ring, and how often each symbol is a target (V,)."""

    ring: TokenRing
    counts: NDArray[np.int64]


def store_in_memory(pieces: Iterable[Ids], size: int) -> StoredTokens:
    """Lay ids one behind the other; `size` is that of the vocabulary."""
    counts = np.zeros(size, dtype=np.int64)
    targets, starts = map(np.concatenate, zip(*_parts(pieces, counts), strict=True))
    return StoredTokens(TokenRing(targets, starts), counts)


def store_on_disk(pieces: Iterable[Ids], size: int, key: str, about: dict[str, Any]) -> StoredTokens:
    """The same in files, which are there already where `key` is known; `pieces` is then not read.

    about: what `charlm cache` shows of it. Raises SaveError where the disk does not take it.
    """
    place = cache.make_folder() / hashlib.sha256(f"{FORMAT_VERSION} {key}".encode()).hexdigest()
    counts = _whole(place, size)
    try:
        if counts is None:
            counts = _write(place, pieces, size, about)
        return StoredTokens(map_ring(place / _TARGETS, place / _STARTS, _kind(size)), counts)
    except OSError as error:
        raise cache.not_written(error) from None


def describe_entry(place: Path) -> dict[str, Any] | None:
    """What is known of an entry of the cache; None where it is none, or damaged."""
    try:
        found = parse_json(place / _ABOUT, read_file(place / _ABOUT, _LARGEST_ABOUT))
    except (OSError, ModelError):
        return None
    return found if isinstance(found, dict) else None


def _parts(pieces: Iterable[Ids], counts: NDArray[np.int64]) -> Iterator[tuple[NDArray[Any], NDArray[np.int64]]]:
    """Ids in the smallest type that holds them, with the starts of the sequences that end there; all are counted."""
    kind = _kind(len(counts))
    place = start = 0
    for ids in pieces:
        counts += np.bincount(ids, minlength=len(counts))
        starts = np.append(start, np.flatnonzero(ids == Tokenizer.EOS) + place + 1)
        place += len(ids)
        start = int(starts[-1])
        yield ids.astype(kind), starts[:-1]
    if start < place:  # the last one is open
        yield np.empty(0, dtype=kind), np.array([start])


def _kind(size: int) -> np.dtype[Any]:
    return np.dtype("<u2" if size <= 2**16 else "<u4")


def _write(place: Path, pieces: Iterable[Ids], size: int, about: dict[str, Any]) -> NDArray[np.int64]:
    """Written beside, then renamed; nothing is flushed, as what a power failure takes is told by the checksum."""
    counts = np.zeros(size, dtype=np.int64)
    beside = Path(tempfile.mkdtemp(prefix=f".{place.name}.tmp", dir=place.parent))
    try:
        with (beside / _TARGETS).open("xb") as targets, (beside / _STARTS).open("xb") as starts:
            written = {_TARGETS: _Checked(targets), _STARTS: _Checked(starts)}
            for ids, begun in _parts(pieces, counts):
                written[_TARGETS].write(ids)
                written[_STARTS].write(begun.astype(_START))
            files = {name: file.finish() for name, file in written.items()}
        values = {"format_version": FORMAT_VERSION, **about, "files": files, "counts": counts.tolist()}
        (beside / _ABOUT).write_bytes(to_json(values))
        shutil.rmtree(place, ignore_errors=True)  # a damaged one
        os.rename(beside, place)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return counts


class _Checked:
    """A file that is written with its checksum."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._digest, self._size = file, hashlib.sha256(), 0

    def write(self, values: NDArray[Any]) -> None:
        self._file.write(values.data)
        self._digest.update(values.data)
        self._size += values.nbytes

    def finish(self) -> dict[str, Any]:
        return {"bytes": self._size, "sha256": self._digest.hexdigest()}


def _whole(place: Path, size: int) -> NDArray[np.int64] | None:
    """The counts of an entry that agrees with its checksums; None where there is none."""
    known = describe_entry(place)
    try:
        if known is None or known["format_version"] != FORMAT_VERSION or len(known["counts"]) != size:
            return None
        if any(_sum(place / name) != known["files"][name] for name in (_TARGETS, _STARTS)):
            return None
        return np.array(known["counts"], dtype=np.int64)
    except (OSError, KeyError, TypeError, ValueError):
        return None


def _sum(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
        return {"bytes": file.tell(), "sha256": digest.hexdigest()}


def map_ring(targets: Path, starts: Path, kind: np.dtype[Any]) -> TokenRing:
    """A ring in two files, of which the system keeps in memory what is read. Raises OSError, ValueError."""
    mappings = tuple(map(_map, (targets, starts)))
    return TokenRing(np.frombuffer(mappings[0], dtype=kind), np.frombuffer(mappings[1], dtype=_START), mappings)


def _map(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
