"""The cache folder: files that save time and can be made again. `charlm cache` lists and clears it.

<SHA-256>/          token ids of a corpus, described in token_store.py, or its counts
.<SHA-256>.tmp*     such a folder while it is written, or after a crash
piped.tmp*          a text from a pipe while it is read
"""

import os
import re
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from charlm.errors import SaveError
from charlm.files.reading import reason

VARIABLE = "CHARLM_CACHE"  # environment variable that sets another folder
PIPED = "piped.tmp"
_OURS = re.compile(rf"[0-9a-f]{{64}}|\.[0-9a-f]{{64}}\.tmp\w*|{re.escape(PIPED)}\w*")


class Entry(NamedTuple):
    """File or folder in the cache; its size in bytes on disk."""

    path: Path
    size: int


def folder() -> Path:
    """Return $CHARLM_CACHE or, if it is not set, charlm's folder among the caches of the system."""
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "charlm"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "charlm" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "charlm"


def make_folder() -> Path:
    """Create the folder if it is missing, readable only by its owner, as it contains texts. Raises SaveError."""
    path = folder()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(error) from None
    return path


def not_written(error: OSError) -> SaveError:
    """Return the error for a corpus that does not fit into memory and cannot be written to the cache."""
    path = folder()
    try:
        free = f" ({shutil.disk_usage(path).free / 1e6:,.1f} MB free)"
    except OSError:
        free = ""
    return SaveError(
        f"the corpus does not fit into memory, and cannot be written to {path}: {reason(error)}{free}; free some space,"
        f" or set {VARIABLE} to another folder"
    )


def entries() -> list[Entry]:
    """List what charlm has written to the folder, sorted by name."""
    try:
        paths = sorted(path for path in folder().iterdir() if _OURS.fullmatch(path.name) and not path.is_symlink())
    except OSError:
        return []
    return [Entry(path, _size(path)) for path in paths]


def clear() -> int:
    """Delete all entries and return the freed bytes; the system frees a file in use when it is closed."""
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
    with suppress(OSError):  # another process may delete it
        return sum(file.stat().st_size for file in files)
    return 0
