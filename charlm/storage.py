"""Files that must last: written beside, flushed to disk, then renamed, so that a crash leaves the old or the new."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from charlm.errors import ModelInUseError


def write_atomic(path: Path, data: bytes) -> None:
    """Replace a file by one rename: whoever opens it reads all of the old or all of the new."""
    beside = path.with_name(f".{path.name}.tmp")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    _sync_folder(path.parent)


def beside(folder: Path, role: str) -> Path:
    """The hidden sibling of a model's folder that plays a role: new, old or lock."""
    return folder.with_name(f".{folder.name}.{role}")


def publish(new: Path, folder: Path) -> None:
    """Put a complete folder in its place: rename the old away, the new in, then delete the old."""
    old = beside(folder, "old")
    if folder.exists():
        os.rename(folder, old)
    os.rename(new, folder)
    _sync_folder(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def finish_publishing(folder: Path) -> None:
    """Complete a `publish` that a crash cut short; does nothing where there was none."""
    old, new = beside(folder, "old"), beside(folder, "new")
    if not old.exists():
        return
    if not folder.exists():
        os.rename(new if new.exists() else old, folder)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold a model's folder for writing; the lock goes with the process, however that ends.

    Raises ModelInUseError where another process holds it.
    """
    path = beside(folder, "lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        # A file that its last holder has just deleted may be locked by two at once: only the one in place counts.
        if not _try_lock(file) or not path.exists() or not os.path.samestat(os.fstat(file.fileno()), path.stat()):
            raise ModelInUseError(f"another process is training {folder}; wait for it, or choose another --model")
        try:
            yield
        finally:
            with suppress(OSError):
                path.unlink()


def _try_lock(file: BinaryIO) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be opened, and a rename is written through
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
