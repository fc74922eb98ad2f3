"""Download a text of the catalogue by https. No other module opens a connection.

The file is written only after the complete text has arrived and its SHA-256 matches the catalogue.
"""

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
from charlm.errors import CorpusError
from charlm.files.atomic import check_output, write_atomic
from charlm.files.reading import reason
from charlm.version import __version__
from charlm.wording import file_argument, shell_word

TIMEOUT = 30.0  # seconds without a byte after which a download fails
_REDIRECTS = (301, 302, 303, 307, 308)
_MAX_REDIRECTS = 5


def is_needed(text: Text, path: Path, overwrite: bool) -> bool:
    """Return whether the text must be downloaded; False if `path` already contains it.

    Raises ConfigError if `path` cannot be written, ModelExistsError if it is another text and `overwrite` is false.
    """
    if path.is_file() and text.is_at(path):
        return False
    check_output(path, overwrite)
    return True


def fetch(text: Text, path: Path) -> None:
    """Download the text to `path`, complete and verified, or not at all.

    Raises CorpusError, which gives the reason and says how to do without charlm's download.
    """
    try:
        with _open(text.url) as response:
            data = _receive(response, text)
    except (OSError, HTTPException, ValueError) as error:
        raise CorpusError(
            f"{text.url} cannot be downloaded: {_reason(error)}; download it by other means to {path}, then run:"
            f" charlm train {shell_word(file_argument(str(path)))}"
        ) from None
    try:
        write_atomic(path, data)
    except OSError as error:
        raise CorpusError(f"{path} cannot be written: {reason(error)}", remedy="other_output") from None


def _open(url: str) -> Any:
    """Send a request and return the response. Redirects are followed only to https, and their bodies are not read."""
    opener = OpenerDirector()  # unlike urllib's default, it has no handler for http, ftp, and file
    for handler in (
        ProxyHandler(),
        HTTPSHandler(context=ssl.create_default_context()),
        HTTPErrorProcessor(),
        HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    for _ in range(1 + _MAX_REDIRECTS):
        if not url.lower().startswith("https://"):
            raise ValueError(f"the server redirects to {url[:200]!r}, which is not https")
        try:
            return opener.open(Request(url, headers={"User-Agent": f"charlm/{__version__}"}), timeout=TIMEOUT)
        except HTTPError as error:
            error.close()
            if error.code not in _REDIRECTS or not error.headers["Location"]:
                raise
            url = urljoin(url, error.headers["Location"])
    raise ValueError(f"the server redirects more than {_MAX_REDIRECTS} times")


def _receive(response: Any, text: Text) -> bytes:
    """Read the body, at most one byte more than the text has. Raises ValueError if it is not the text."""
    if response.length not in (None, text.size):
        raise ValueError(f"the server offers {response.length:,} bytes, the text has {text.size:,}")
    data: bytes = response.read(text.size)
    if len(data) < text.size:
        raise ValueError(f"only {len(data):,} of {text.size:,} bytes arrived")
    if response.read(1):
        raise ValueError(f"the server sent more than the {text.size:,} bytes of the text")
    digest = sha256(data).hexdigest()
    if digest != text.sha256:
        raise ValueError(f"the server sent another text (SHA-256 {digest}, not {text.sha256})")
    return data


def _reason(error: Exception) -> str:
    """Return what went wrong in words, without characters by which a server could control a terminal."""
    if isinstance(error, HTTPError):
        return f"the server responded with status {error.code}"
    if isinstance(error, HTTPException):
        return f"the response is incomplete or is not HTTP ({type(error).__name__})"
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted ({cause.verify_message})"
    words = reason(cause) if isinstance(cause, BaseException) else str(cause)
    return words if words.isprintable() else ascii(words)
