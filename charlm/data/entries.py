"""Entries of the cache: folders of files that are mapped into memory, and a description of them in JSON.

The description states the size and the SHA-256 of each file. An entry that is damaged counts as missing.
"""

import hashlib
import mmap
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charlm.data import cache
from charlm.errors import ModelError, SaveError
from charlm.files.atomic import parse_json, read_file, to_json
from charlm.files.reading import reason

_LARGEST_DESCRIPTION = 2**28  # bytes
_BLOCK = 2**20  # bytes


class Stored(NamedTuple):
    """The name of an entry, and what `charlm cache` shows of the corpus."""

    name: str
    corpus: Mapping[str, Any]


class NewEntry:
    """The open files of an entry that is being written, and its description."""

    def __init__(self, folder: Path, names: Sequence[str], stack: ExitStack) -> None:
        self.description: dict[str, Any] = {}
        self._files = {name: stack.enter_context((folder / name).open("xb")) for name in names}
        self._digests = {name: hashlib.sha256() for name in names}

    def append(self, name: str, values: NDArray[Any]) -> None:
        """Append values to a file."""
        data = np.ascontiguousarray(values).data
        self._files[name].write(data)
        self._digests[name].update(data)

    def checksums(self) -> dict[str, Any]:
        """Return the size and the SHA-256 of each file."""
        return {
            name: {"bytes": file.tell(), "sha256": self._digests[name].hexdigest()}
            for name, file in self._files.items()
        }


@contextmanager
def new_entry(folder: Path, about: str, names: Sequence[str]) -> Iterator[NewEntry]:
    """Write an entry to a temporary folder, then rename it to `folder`, which may exist.

    about: the name of the description. names: of the other files. A damaged entry is replaced. An equal one stays:
    another run has just finished it, and may read it. Nothing is flushed: the checksums detect a loss of power. Raises
    SaveError if the disk is full.
    """
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.tmp", dir=folder.parent))
        try:
            with ExitStack() as stack:
                entry = NewEntry(temporary, names, stack)
                yield entry
                files = entry.checksums()
            described = to_json({**entry.description, "files": files})
            (temporary / about).write_bytes(described)
            if verified(folder, about, names) != parse_json(folder / about, described):
                shutil.rmtree(folder, ignore_errors=True)
                _rename(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise cache.not_written(error) from None


def description(folder: Path, about: str) -> dict[str, Any] | None:
    """Return the description of an entry, or None if it has none or is damaged."""
    try:
        values = parse_json(folder / about, read_file(folder / about, _LARGEST_DESCRIPTION))
    except (OSError, ModelError):
        return None
    return values if isinstance(values, dict) else None


def verified(folder: Path, about: str, names: Sequence[str]) -> dict[str, Any] | None:
    """Return the description of an entry, or None if it does not exist or does not match its checksums."""
    values = description(folder, about)
    try:
        if values is None or any(_checksum(folder / name) != values["files"][name] for name in names):
            return None
    except (OSError, KeyError, TypeError):
        return None
    return values


@contextmanager
def mapping(folder: Path) -> Iterator[None]:
    """Raise SaveError if the files of an entry cannot be mapped."""
    try:
        yield
    except OSError as error:
        raise SaveError(
            f"{folder} cannot be mapped into memory: {reason(error)}; set {cache.VARIABLE} to a folder on a local disk"
        ) from None


def map_file(path: Path) -> mmap.mmap:
    """Map a file into memory, which the system loads as it is read. Raises OSError, and ValueError for no bytes."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _rename(temporary: Path, folder: Path) -> None:
    try:
        os.rename(temporary, folder)
    except OSError:
        if not folder.is_dir():  # otherwise, another run has just finished the same entry
            raise


def _checksum(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
        return {"bytes": file.tell(), "sha256": digest.hexdigest()}
