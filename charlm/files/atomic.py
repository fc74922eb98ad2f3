"""Files that must last: written beside, flushed to disk, then renamed, so that a crash leaves the old or the new."""

import json
import math
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from charlm.errors import ModelError, ModelInUseError, SaveError

# The files of a model's folder; `checkpoint` says what they hold.
FILES = CONFIG, TOKENIZER, WEIGHTS, PLAN, METRICS, CARD = (
    "config.json",
    "tokenizer.json",
    "model.safetensors",
    "plan.json",
    "metrics.jsonl",
    "README.md",
)
REPORT = "report.html"  # may lie among them
STEPS = "steps"  # a folder of trainer's states, while a run has not ended; `steps` says what they hold
ENDED = ".steps.tmp"  # the same, of a run that has, while it is deleted
_OURS = re.compile(r"\.?({})(\.\d+\.tmp)?".format("|".join(map(re.escape, (*FILES, REPORT)))))


def write_atomic(path: Path, data: bytes) -> None:
    """Replace a file by one rename: whoever opens it reads all of the old or all of the new. OSErrors name `path`."""
    beside = path.parent / f".{path.name}.{os.getpid()}.tmp"  # another process may be writing the same file
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException as error:
        with suppress(OSError):
            beside.unlink()
        if isinstance(error, OSError):
            error.filename = str(path)
        raise
    sync_folder(path.parent)


def read_file(path: Path, limit: int) -> bytes:
    """The bytes of a plain file of at most `limit`: no symbolic link is followed, no pipe or device opened.

    Raises OSError, ModelError.
    """
    kind = os.lstat(path).st_mode
    if stat.S_ISLNK(kind):
        raise ModelError(f"{path} is a symbolic link, which charlm does not follow there; put the file in its place")
    if not stat.S_ISREG(kind):
        raise ModelError(f"{path} is not a file")
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ModelError(f"{path} is not a file")
        if status.st_size > limit:
            raise ModelError(f"{path} has {status.st_size:,} bytes; there is no need for more than {limit:,}")
        return file.read(status.st_size)


def parse_json(path: Path, data: bytes) -> Any:
    """Strict JSON: a name twice, NaN or infinity is damage. Raises ModelError, which names the file."""
    try:
        return json.loads(data, object_pairs_hook=_once, parse_constant=_finite_number, parse_float=_finite_number)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not the JSON it should be: {str(error)[:100]}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a name stands there twice")
    return values


def _finite_number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is not a number in JSON")
    return value


def to_json(values: Any) -> bytes:
    """JSON for people to read; raises ValueError for NaN and infinity."""
    return (json.dumps(values, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


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
        sync_folder(folder.parent)
    finally:
        remove_model(old)


def finish_publishing(folder: Path) -> None:
    """Complete what a crash cut short: a `publish`, the end of a run, a write. The caller holds the lock."""
    for place in (folder, beside(folder, "new")):
        if _is_ours(place):
            shutil.rmtree(place / ENDED, ignore_errors=True)
            for path in place.glob(".*.tmp"):
                path.unlink(missing_ok=True)
    old, new = beside(folder, "old"), beside(folder, "new")
    if not _is_ours(old):
        return
    if not folder.exists():
        os.rename(new if new.exists() else old, folder)
    remove_model(old)


def recover(folder: Path) -> None:
    """`finish_publishing`, unless there is nothing to finish, a trainer is at it, or the disk does not let us."""
    if beside(folder, "old").exists() or (folder / ENDED).exists():
        with suppress(ModelInUseError, SaveError, OSError), lock(folder):
            finish_publishing(folder)


def remove_model(folder: Path) -> None:
    """Delete a folder of files that charlm writes; one with anything else in it is not ours and stays as it is."""
    if _is_ours(folder):
        shutil.rmtree(folder, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    """Whether there is nothing in a folder but a model's files, whole or half-written."""
    if not folder.is_dir():
        return False
    return all(
        _OURS.fullmatch(path.name) if path.is_file() else path.name in (STEPS, ENDED) and not path.is_symlink()
        for path in folder.iterdir()
    )


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold a model's folder for writing; the lock goes with the process, however that ends.

    Raises ModelInUseError where another process holds it, SaveError where nothing can be written there.
    """
    path = beside(folder, "lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = path.open("a+b")
    except OSError as error:
        why = f"{error.filename or path}: {error.strerror or error}"
        raise SaveError(f"{folder} cannot be written: {why}; choose another place with --model") from None
    with opened as file:
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


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to disk."""
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
