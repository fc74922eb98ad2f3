"""Load libraries that were compiled when charlm was installed, unless CHARLM_NATIVE says that none may be used."""

import ctypes
import os
from pathlib import Path

VARIABLE = "CHARLM_NATIVE"  # forces a variant of the time loops; none: no compiled library at all
NONE = "none"


def forced() -> str:
    """Return the variant that CHARLM_NATIVE forces, or an empty string."""
    return os.environ.get(VARIABLE, "")


def load(folder: Path, name: str, revision: int) -> ctypes.CDLL | None:
    """Return the library of this name in a folder, or None if there is none with this revision of its interface."""
    for path in sorted(folder.glob(f"{name}*")):
        try:
            loaded = ctypes.CDLL(str(path))
            if loaded.revision() == revision:
                return loaded
        except (OSError, AttributeError):  # built for another machine, or from other sources
            continue
    return None
