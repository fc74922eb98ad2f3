"""Token ids of a corpus: in memory, or in files of the cache folder that are mapped into memory.

    <SHA-256>/targets      the ids, two or four bytes each, little-endian
              starts       the offsets at which sequences start, eight bytes each
              ids.json     sizes and SHA-256 of the other two files, the count of each token, and the corpus

The name of the folder is the SHA-256 of everything that the ids depend on. A damaged folder is written again.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charlm.data import cache
from charlm.data.entries import Stored, map_file, mapping, new_entry, verified
from charlm.data.windows import TokenRing
from charlm.tokenizers import Ids, Tokenizer

FORMAT_VERSION = 1
ABOUT = "ids.json"
_TARGETS, _STARTS = _FILES = "targets", "starts"
_START = np.dtype("<i8")


class StoredTokens(NamedTuple):
    """A ring of token ids, how often each token is a target, (V,), and its entry, None in memory."""

    ring: TokenRing
    counts: NDArray[np.int64]
    entry: Stored | None = None


def store_in_memory(pieces: Iterable[Ids], size: int) -> StoredTokens:
    """Concatenate ids in memory; `size` is that of the vocabulary."""
    counts = np.zeros(size, dtype=np.int64)
    targets, starts = map(np.concatenate, zip(*_parts(pieces, counts), strict=True))
    return StoredTokens(TokenRing(targets, starts), counts)


def store_on_disk(pieces: Iterable[Ids], size: int, key: str, about: Mapping[str, Any]) -> StoredTokens:
    """Concatenate ids in files of the cache, or use the files that an earlier call with the same `key` wrote.

    pieces: read only if there are no such files. about: a description for `charlm cache`. Raises SaveError if the files
    cannot be written or mapped.
    """
    name = hashlib.sha256(f"{FORMAT_VERSION} {key}".encode()).hexdigest()
    folder = cache.make_folder() / name
    counts = _stored_counts(folder, size)
    if counts is None:
        counts = _write(folder, pieces, size, about)
    with mapping(folder):
        return StoredTokens(map_ring(folder / _TARGETS, folder / _STARTS, _id_type(size)), counts, Stored(name, about))


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


def _write(folder: Path, pieces: Iterable[Ids], size: int, about: Mapping[str, Any]) -> NDArray[np.int64]:
    counts = np.zeros(size, dtype=np.int64)
    with new_entry(folder, ABOUT, _FILES) as entry:
        for ids, started in _parts(pieces, counts):
            entry.append(_TARGETS, ids)
            entry.append(_STARTS, started.astype(_START))
        entry.description |= {"format_version": FORMAT_VERSION, **about, "counts": counts.tolist()}
    return counts


def _stored_counts(folder: Path, size: int) -> NDArray[np.int64] | None:
    """Return the token counts of an entry, or None if there is none for a vocabulary of this size."""
    values = verified(folder, ABOUT, _FILES)
    try:
        if values is None or values["format_version"] != FORMAT_VERSION or len(values["counts"]) != size:
            return None
        return np.array(values["counts"], dtype=np.int64)
    except (KeyError, TypeError, ValueError):
        return None


def map_ring(targets: Path, starts: Path, id_type: np.dtype[Any]) -> TokenRing:
    """Map a ring of two files into memory, which the system loads as it is read. Raises OSError, ValueError."""
    mappings = tuple(map(map_file, (targets, starts)))
    return TokenRing(np.frombuffer(mappings[0], dtype=id_type), np.frombuffer(mappings[1], dtype=_START), mappings)
