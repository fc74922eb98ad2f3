"""What the operating system and gzip have against a file, as sentences."""

import difflib
import errno
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from charlm.errors import CorpusError, CorpusNotFoundError

GZIP_MAGIC = b"\x1f\x8b"


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """While a file is opened and read. Raises CorpusNotFoundError, CorpusError."""
    try:
        yield
    except FileNotFoundError:
        raise CorpusNotFoundError(f"there is no file {path}{_nearest(path)}") from None
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise CorpusError(f"{path} is not a complete gzip file; compress it again") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise CorpusNotFoundError(f"there is no file {path}: no name can be so long") from None
        raise CorpusError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise CorpusNotFoundError(f"there is no file {str(path)!r}: no name has a NUL in it") from None


def _nearest(path: Path) -> str:
    try:
        neighbours = [other.name for other in path.parent.iterdir()]
    except OSError:
        return f", nor a folder {path.parent}"
    near = difflib.get_close_matches(path.name, neighbours, n=1)
    return f"; did you mean {path.parent / near[0]}?" if near else ""
