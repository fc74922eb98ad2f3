"""Counts of a corpus larger than memory, and their figures of its tokens, in files of the cache.

    <SHA-256>/counts.safetensors                           the counts, as in a model
              logprobs, depths, counts, followers          the figures of the counted tokens, n numbers each
              guesses, chances                             the likeliest tokens, n pairs each; or no such files
              counts.json                                  sizes and SHA-256 of the other files, and the corpus

The name of the folder is the SHA-256 of everything that the counts depend on. The processes of one machine count the
corpus once, and share the memory of the files.
"""

import hashlib
import json
import mmap
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from charlm.counts import Counted, CountSettings, Figures, Guesses, Statistics
from charlm.counts import file as counts_file
from charlm.data import cache
from charlm.data.entries import Stored, map_file, mapping, new_entry, verified

FORMAT_VERSION = 1
ABOUT = "counts.json"
_FIGURES = {"logprobs": "<f4", "depths": "u1", "counts": "u1", "followers": "u1"}
_GUESSES, _CHANCES = "guesses", "chances"


class StoredCounts(NamedTuple):
    """Counts and their figures, and the mapped files of the figures."""

    counted: Counted
    mappings: tuple[mmap.mmap, ...] = ()


def counted_once(
    count: Callable[[], Counted], tokens: Stored, vocabulary: int, settings: CountSettings, guesses: bool
) -> StoredCounts:
    """Return what `count` does from files of the cache; write the files if they do not exist.

    tokens: the entry with the tokens of the corpus. vocabulary: its size. Raises SaveError if the files cannot be
    written or mapped.
    """
    key = json.dumps([FORMAT_VERSION, counts_file.FORMAT_VERSION, tokens.name, asdict(settings), guesses])
    folder = cache.make_folder() / hashlib.sha256(key.encode()).hexdigest()
    names = (counts_file.NAME, *_FIGURES, *((_GUESSES, _CHANCES) if guesses else ()))
    if verified(folder, ABOUT, names) is None:
        _write(folder, names, count(), tokens.corpus)
    with mapping(folder):
        return _mapped(folder, names, vocabulary)


def _write(folder: Path, names: tuple[str, ...], counted: Counted, corpus: Mapping[str, Any]) -> None:
    figures = counted.left_out
    assert figures is not None
    with new_entry(folder, ABOUT, names) as entry:
        entry.description |= corpus
        entry.append(counts_file.NAME, np.frombuffer(counts_file.to_bytes(counted.counts), dtype=np.uint8))
        arrays = (figures.logprobs, *figures.context, *(figures.guesses or ()))
        for name, values in zip(names[1:], arrays, strict=True):
            entry.append(name, values)


def _mapped(folder: Path, names: tuple[str, ...], vocabulary: int) -> StoredCounts:
    counts = counts_file.read(folder / counts_file.NAME, vocabulary)
    mappings = {name: map_file(folder / name) for name in names[1:]}
    logprobs, *statistics = (np.frombuffer(mappings[name], dtype=kind) for name, kind in _FIGURES.items())
    guesses = None
    if _GUESSES in mappings:
        chances = np.frombuffer(mappings[_CHANCES], dtype=np.uint8).reshape(len(logprobs), -1)
        item = len(mappings[_GUESSES]) // chances.size
        tokens = np.frombuffer(mappings[_GUESSES], dtype=f"<u{item}").reshape(chances.shape)
        guesses = Guesses(tokens, chances)
    figures = Figures(logprobs, Statistics(*statistics), guesses)
    return StoredCounts(Counted(counts, figures), tuple(mappings.values()))
