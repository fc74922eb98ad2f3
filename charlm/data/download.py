"""A text of the catalogue, fetched by https: the one module that opens a connection.

Nothing is written before all of it has come and its SHA-256 is the one in the catalogue.
"""

import os
import ssl
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urljoin
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from charlm.data.catalogue import Text
from charlm.errors import ConfigError, CorpusError
from charlm.files.atomic import write_atomic
from charlm.version import __version__

TIMEOUT = 30.0  # seconds in which at least a byte must come
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5


def is_needed(text: Text, path: Path, overwrite: bool) -> bool:
    """Whether the text is still to be fetched; False where it is at `path` already.

    Raises ConfigError where `path` cannot be written, or is another text and `overwrite` was not asked for.
    """
    if not path.parent.is_dir():
        raise ConfigError(f"there is no folder {path.parent}; make it, or choose another --output")
    if not os.path.lexists(path):
        return True
    if not path.is_file():
        raise ConfigError(f"{path} is not a file; choose another --output")
    if text.is_at(path):
        return False
    if not overwrite:
        raise ConfigError(f"{path} exists and is another text; choose another --output, or replace it with --overwrite")
    return True


def fetch(text: Text, path: Path) -> None:
    """Download the text to `path`, whole and checked, or not at all.

    Raises CorpusError, with the reason and the way without a network.
    """
    try:
        with _open(text.url) as response:
            data = _receive(response, text)
    except (OSError, HTTPException, ValueError) as error:
        raise CorpusError(
            f"{text.url} could not be fetched: {_reason(error)}; download it by hand to {path}, "
            f"then: charlm train {path}"
        ) from None
    try:
        write_atomic(path, data)
    except OSError as error:
        raise CorpusError(f"{path} cannot be written: {error.strerror or error}; choose another --output") from None


def _open(url: str) -> Any:
    """The answer to a request. Redirects are followed here, to https alone and without reading what comes with them."""
    opener = OpenerDirector()  # unlike urllib's own, it has no handler for http, ftp and file
    for handler in (
        ProxyHandler(),
        HTTPSHandler(context=ssl.create_default_context()),
        HTTPErrorProcessor(),
        HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    for _ in range(1 + _MOST_REDIRECTS):
        if not url.lower().startswith("https://"):
            raise ValueError(f"it is redirected to {url[:200]!r}, which is not https")
        try:
            return opener.open(Request(url, headers={"User-Agent": f"charlm/{__version__}"}), timeout=TIMEOUT)
        except HTTPError as error:
            error.close()
            if error.code not in _REDIRECTS or not error.headers["Location"]:
                raise
            url = urljoin(url, error.headers["Location"])
    raise ValueError(f"it is redirected more than {_MOST_REDIRECTS} times")


def _receive(response: Any, text: Text) -> bytes:
    """The body, read up to one byte past the size of the text. Raises ValueError where it is not the text."""
    if response.length not in (None, text.size):
        raise ValueError(f"the server offers {response.length:,} bytes, the text has {text.size:,}")
    data: bytes = response.read(text.size)
    if len(data) < text.size:
        raise ValueError(f"only {len(data):,} of {text.size:,} bytes came")
    if response.read(1):
        raise ValueError(f"more came than the {text.size:,} bytes of the text")
    found = sha256(data).hexdigest()
    if found != text.sha256:
        raise ValueError(f"what came is another text (SHA-256 {found}, not {text.sha256})")
    return data


def _reason(error: Exception) -> str:
    """What went wrong in words, none of which a server can make drive a terminal."""
    if isinstance(error, HTTPError):
        return f"the server answers {error.code}"
    if isinstance(error, HTTPException):
        return f"the answer broke off or is no HTTP ({type(error).__name__})"
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted ({cause.verify_message})"
    words = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
    return words if words.isprintable() else ascii(words)
