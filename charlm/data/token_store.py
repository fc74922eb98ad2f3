"""Token ids of a corpus: in memory, or in files of the cache folder that are mapped into memory.

    <SHA-256>/targets      the ids, two or four bytes each, little-endian
              starts       the offsets at which sequences start, eight bytes each
              ids.json     sizes and SHA-256 of the other two files, the count of each token, and the corpus

The name of the folder is the SHA-256 of everything that the ids depend on. A damaged folder is written again.
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
from charlm.errors import ModelError, SaveError
from charlm.files.atomic import parse_json, read_file, to_json
from charlm.files.reading import reason
from charlm.tokenizers import Ids, Tokenizer

FORMAT_VERSION = 1
_TARGETS, _STARTS, _ABOUT = "targets", "starts", "ids.json"
_START = np.dtype("<i8")
_LARGEST_ABOUT = 2**28  # bytes
_BLOCK = 2**20  # bytes


class StoredTokens(NamedTuple):
    """A ring of token ids, and how often each token is a target, (V,)."""

    ring: TokenRing
    counts: NDArray[np.int64]


def store_in_memory(pieces: Iterable[Ids], size: int) -> StoredTokens:
    """Concatenate ids in memory; `size` is that of the vocabulary."""
    counts = np.zeros(size, dtype=np.int64)
    targets, starts = map(np.concatenate, zip(*_parts(pieces, counts), strict=True))
    return StoredTokens(TokenRing(targets, starts), counts)


def store_on_disk(pieces: Iterable[Ids], size: int, key: str, about: dict[str, Any]) -> StoredTokens:
    """Concatenate ids in files of the cache, or use the files that an earlier call with the same `key` wrote.

    pieces: read only if there are no such files. about: a description for `charlm cache`. Raises SaveError if the files
    cannot be written or mapped.
    """
    folder = cache.make_folder() / hashlib.sha256(f"{FORMAT_VERSION} {key}".encode()).hexdigest()
    counts = _verified_counts(folder, size)
    try:
        if counts is None:
            counts = _write(folder, pieces, size, about)
    except OSError as error:
        raise cache.not_written(error) from None
    try:
        return StoredTokens(map_ring(folder / _TARGETS, folder / _STARTS, _id_type(size)), counts)
    except OSError as error:
        raise SaveError(
            f"{folder} cannot be mapped into memory: {reason(error)}; set {cache.VARIABLE} to a folder on a local disk"
        ) from None


def describe_entry(folder: Path) -> dict[str, Any] | None:
    """Return the description of a folder in the cache, or None if it has none or is damaged."""
    try:
        values = parse_json(folder / _ABOUT, read_file(folder / _ABOUT, _LARGEST_ABOUT))
    except (OSError, ModelError):
        return None
    return values if isinstance(values, dict) else None


def _parts(pieces: Iterable[Ids], counts: NDArray[np.int64]) -> Iterator[tuple[NDArray[Any], NDArray[np.int64]]]:
    """Yield ids in the smallest type, with the offsets of the sequences that end in them; add them to `counts`."""
    id_type = _id_type(len(counts))
    offset = start = 0
    for ids in pieces:
        counts += np.bincount(ids, minlength=len(counts))
        starts = np.append(start, np.flatnonzero(ids == Tokenizer.EOS) + offset + 1)
        offset += len(ids)
        start = int(starts[-1])
        yield ids.astype(id_type), starts[:-1]
    if start < offset:  # the last sequence has no EOS
        yield np.empty(0, dtype=id_type), np.array([start])


def _id_type(size: int) -> np.dtype[Any]:
    return np.dtype("<u2" if size <= 2**16 else "<u4")


def _write(folder: Path, pieces: Iterable[Ids], size: int, about: dict[str, Any]) -> NDArray[np.int64]:
    """Write a temporary folder, then rename it. Nothing is flushed: the checksums detect a loss of power."""
    counts = np.zeros(size, dtype=np.int64)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.tmp", dir=folder.parent))
    try:
        with (temporary / _TARGETS).open("xb") as targets, (temporary / _STARTS).open("xb") as starts:
            written = {_TARGETS: _ChecksummedFile(targets), _STARTS: _ChecksummedFile(starts)}
            for ids, started in _parts(pieces, counts):
                written[_TARGETS].write(ids)
                written[_STARTS].write(started.astype(_START))
            files = {name: file.finish() for name, file in written.items()}
        values = {"format_version": FORMAT_VERSION, **about, "files": files, "counts": counts.tolist()}
        (temporary / _ABOUT).write_bytes(to_json(values))
        shutil.rmtree(folder, ignore_errors=True)  # a damaged entry
        os.rename(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return counts


class _ChecksummedFile:
    """An open file whose size and SHA-256 are computed while it is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._digest, self._size = file, hashlib.sha256(), 0

    def write(self, values: NDArray[Any]) -> None:
        self._file.write(values.data)
        self._digest.update(values.data)
        self._size += values.nbytes

    def finish(self) -> dict[str, Any]:
        return {"bytes": self._size, "sha256": self._digest.hexdigest()}


def _verified_counts(folder: Path, size: int) -> NDArray[np.int64] | None:
    """Return the token counts of an entry, or None if it does not exist or does not match its checksums."""
    values = describe_entry(folder)
    try:
        if values is None or values["format_version"] != FORMAT_VERSION or len(values["counts"]) != size:
            return None
        if any(_checksum(folder / name) != values["files"][name] for name in (_TARGETS, _STARTS)):
            return None
        return np.array(values["counts"], dtype=np.int64)
    except (OSError, KeyError, TypeError, ValueError):
        return None


def _checksum(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
        return {"bytes": file.tell(), "sha256": digest.hexdigest()}


def map_ring(targets: Path, starts: Path, id_type: np.dtype[Any]) -> TokenRing:
    """Map a ring of two files into memory, which the system loads as it is read. Raises OSError, ValueError."""
    mappings = tuple(map(_map, (targets, starts)))
    return TokenRing(np.frombuffer(mappings[0], dtype=id_type), np.frombuffer(mappings[1], dtype=_START), mappings)


def _map(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
