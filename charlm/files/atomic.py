"""Files that survive a crash: written under another name, flushed to disk, then renamed."""

import errno
import json
import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from charlm.errors import ConfigError, ModelError, ModelExistsError

# The errors with which a lock is refused while another process holds it.
_LOCKED = {errno.EAGAIN, errno.EACCES, getattr(errno, "EDEADLOCK", errno.EAGAIN)}
# The errors of file systems that cannot flush a file or a folder. A disk that fails or is full has others.
_UNSUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EBADF, errno.EISDIR}


def write_atomic(path: Path, data: bytes) -> None:
    """Replace a file by one rename: a reader sees all of the old bytes or all of the new. OSErrors name `path`."""
    with open_atomic(path) as file:
        file.write(data)


@contextmanager
def open_atomic(path: Path) -> Iterator[BinaryIO]:
    """Open a new file that replaces `path` at the end of the block, by one rename, unless the block fails."""
    temporary = path.parent / f".{path.name}.{os.getpid()}.tmp"  # another process may be writing the same file
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            _flush(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            error.filename = str(path)
        raise
    sync_folder(path.parent)


def check_output(path: Path, overwrite: bool) -> None:
    """Check that a file may be written to `path`. Raises ConfigError, which is ModelExistsError if a file is there."""
    if not path.parent.is_dir():
        raise ConfigError(f"there is no folder {path.parent}", remedy="create_folder")
    if not os.path.lexists(path):
        return
    if not path.is_file():  # a rename would also replace a device
        raise ConfigError(f"{path} is not a file", remedy="other_output")
    if not overwrite:
        raise ModelExistsError(f"{path} already exists", remedy="overwrite_output")


def read_file(path: Path, limit: int, *, beginning: bool = False) -> bytes:
    """Read a plain file of at most `limit` bytes; never follow a symbolic link, never open a pipe or a device.

    beginning: whether to read the first `limit` bytes of a longer file, which is otherwise refused.
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
        if status.st_size > limit and not beginning:
            raise ModelError(f"{path} is {status.st_size:,} bytes; the limit is {limit:,}")
        return file.read(min(status.st_size, limit))


def parse_json(path: Path, data: bytes) -> Any:
    """Parse strict JSON, without duplicate keys, NaN or infinity. Raises ModelError, which names the file."""
    try:
        return json.loads(data, object_pairs_hook=_unique, parse_constant=_finite_number, parse_float=_finite_number)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not valid JSON: {str(error)[:100]}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("duplicate key")
    return values


def _finite_number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is not a number in JSON")
    return value


def to_json(values: Any) -> bytes:
    """Format JSON for people to read. Raises ValueError for NaN and infinity."""
    # A lone surrogate has no UTF-8, but JSON has an escape for it, which is that of Python.
    return (json.dumps(values, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode(errors="backslashreplace")


def json_line(values: Any, *, ascii_only: bool = False) -> str:
    """Format compact JSON on one line, with null for NaN and infinity, which JSON cannot express."""
    try:
        return _line(values, ascii_only)
    except ValueError:
        return _line(_finite(values), ascii_only)


def _line(values: Any, ascii_only: bool) -> str:
    return json.dumps(values, ensure_ascii=ascii_only, separators=(",", ":"), allow_nan=False)


def try_lock(file: BinaryIO) -> bool:
    """Lock an open file, unless another process holds the lock; return whether this process holds it now.

    The lock ends with the process, however the process ends. Raises OSError if the file system has no locks.
    """
    try:
        try:
            import fcntl
        except ImportError:  # Windows
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _LOCKED:
            return False
        raise
    return True


def _flush(descriptor: int) -> None:
    """Flush an open file or folder to disk, if its file system can do that."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to disk, if its file system can do that."""
    if os.name != "posix":  # elsewhere a folder cannot be opened, and a rename is written through
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # files may be written to the folder, but its names may not be read
        return
    try:
        _flush(descriptor)
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
