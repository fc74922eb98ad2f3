"""When the command began: a budget in minutes counts from then on. Imported before anything that takes long."""

import time

_IMPORTED = time.monotonic()
_began = _IMPORTED


def begin(*, with_process: bool) -> None:
    """Begin a command: now, or, if it is the one that the process was started for, when the process began."""
    global _began
    _began = _IMPORTED if with_process else time.monotonic()


def began() -> float:
    """Return the time.monotonic() at which the command began."""
    return _began
