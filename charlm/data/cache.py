"""The cache folder: what saves time and can be made again. `charlm cache` shows it and clears it.

<SHA-256>/          the ids of a corpus; `ids` says what is in it
.<SHA-256>.tmp*     the same while it is written, or left there by a crash
piped.tmp*          a text that came through a pipe, while it is read
"""

import os
import re
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from charlm.errors import SaveError

VARIABLE = "CHARLM_CACHE"  # names another folder
PIPED = "piped.tmp"
_OURS = re.compile(rf"[0-9a-f]{{64}}|\.[0-9a-f]{{64}}\.tmp\w*|{re.escape(PIPED)}\w*")


class Entry(NamedTuple):
    """Something in the cache, and its size on disk in bytes."""

    path: Path
    size: int


def folder() -> Path:
    """$CHARLM_CACHE, or charlm's place in the folder that the system has for caches."""
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "charlm"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "charlm" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "charlm"


def make_folder() -> Path:
    """The folder, made where it is missing, for its owner alone: it holds texts. Raises SaveError."""
    place = folder()
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(error) from None
    return place


def not_written(error: OSError) -> SaveError:
    """What is said where the disk does not take something."""
    place = folder()
    try:
        room = f" ({shutil.disk_usage(place).free / 1e6:,.1f} MB are free)"
    except OSError:
        room = ""
    why = f"the corpus is larger than what is held in memory, and {place} does not take it: {error.strerror or error}"
    return SaveError(f"{why}{room}; make room, or name another folder in {VARIABLE}")


def entries() -> list[Entry]:
    """What charlm has put there, by name."""
    try:
        found = sorted(path for path in folder().iterdir() if _OURS.fullmatch(path.name) and not path.is_symlink())
    except OSError:
        return []
    return [Entry(path, _size(path)) for path in found]


def clear() -> int:
    """Delete all that charlm has put there; the bytes that are free again. What is being read stays until then."""
    freed = 0
    for path, size in entries():
        with suppress(OSError):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
            freed += size
    return freed


def _size(path: Path) -> int:
    files = path.iterdir() if path.is_dir() else [path]
    with suppress(OSError):  # it may go while one looks
        return sum(file.stat().st_size for file in files)
    return 0
