"""Files that cannot be read: one sentence for an error of the operating system."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from charlm.errors import CharlmError


def reason(error: BaseException) -> str:
    """Return the operating system's words for an error, or the error's own message."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


@contextmanager
def read_errors(path: Path, kind: type[CharlmError], hint: str = "") -> Iterator[None]:
    """Turn an OSError in the block into an error of charlm that names `path` and ends with `hint`."""
    try:
        yield
    except OSError as error:
        raise kind(f"{path} cannot be read: {reason(error)}{hint}") from None
