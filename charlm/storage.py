"""Files that must last: written beside, flushed to disk, then renamed, so that a crash leaves the old or the new."""

import json
import math
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from charlm.errors import ModelInUseError

# The files of a model's folder; `checkpoint` says what they hold.
FILES = CONFIG, TOKENIZER, WEIGHTS, PLAN, METRICS, CARD = (
    "config.json",
    "tokenizer.json",
    "model.safetensors",
    "plan.json",
    "metrics.jsonl",
    "README.md",
)
_OURS = re.compile(r"\.?({})(\.\d+\.tmp)?".format("|".join(map(re.escape, FILES))))


def write_atomic(path: Path, data: bytes) -> None:
    """Replace a file by one rename: whoever opens it reads all of the old or all of the new."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")  # another process may be writing the same file
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def json_line(values: Any) -> str:
    """Compact JSON on one line, with null in place of NaN and infinity, for which JSON has no number."""
    return json.dumps(_finite(values), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def beside(folder: Path, role: str) -> Path:
    """The hidden sibling of a model's folder that plays a role: new, old or lock."""
    folder = Path(os.path.abspath(folder))
    return folder.parent / f".{folder.name}.{role}"


def publish(new: Path, folder: Path) -> None:
    """Put a complete folder in its place: rename the old away, the new in, then delete the old."""
    old = beside(folder, "old")
    replaces = folder.exists()
    if replaces:
        os.rename(folder, old)
    try:
        os.rename(new, folder)
    except BaseException:
        if replaces:
            os.rename(old, folder)
        raise
    try:
        _sync_folder(folder.parent)
    finally:
        remove_model(old)


def finish_publishing(folder: Path) -> None:
    """Complete a `publish` that a crash cut short; does nothing where there was none. The caller holds the lock."""
    old, new = beside(folder, "old"), beside(folder, "new")
    if not _is_ours(old):
        return
    if not folder.exists():
        os.rename(new if new.exists() else old, folder)
    remove_model(old)


def recover(folder: Path) -> None:
    """`finish_publishing`, unless there is nothing to finish, a trainer is at it, or the disk does not let us."""
    if beside(folder, "old").exists():
        with suppress(ModelInUseError, OSError), lock(folder):
            finish_publishing(folder)


def remove_model(folder: Path) -> None:
    """Delete a folder of files that charlm writes; one with anything else in it is not ours and stays as it is."""
    if _is_ours(folder):
        shutil.rmtree(folder, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    """Whether there is nothing in a folder but a model's files, whole or half-written."""
    if not folder.is_dir():
        return False
    return all(path.is_file() and _OURS.fullmatch(path.name) for path in folder.iterdir())


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


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return value
