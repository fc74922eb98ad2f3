"""UTF-8 for arguments and names of files, whatever encoding the locale has."""

import codecs
import locale
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from charlm import raw_bytes
from charlm.cli.output import say

_PROGRAMS = ("charlm", "charlm.exe", "__main__.py")  # the programs that do nothing but run the command line


def begin_in_utf_8() -> None:
    """Start this process again in the UTF-8 mode of Python, if the locale has another encoding.

    Without it, Python would read the bytes of an argument as other letters. A terminal keeps the encoding of the
    locale.
    """
    is_ours = Path(sys.argv[0]).name in _PROGRAMS and sys.executable
    if not is_ours or sys.platform == "win32" or sys.flags.utf8_mode or sys.getfilesystemencoding() == "utf-8":
        return
    os.environ.setdefault("PYTHONIOENCODING", f"{locale.getencoding()}:surrogateescape")
    with suppress(OSError):  # the command runs as Python has begun it
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def warn_of_other_bytes(arguments: Iterable[str]) -> None:
    """Print which argument is not UTF-8, in a locale with an encoding of its own; the name of a file need not be."""
    encoding = locale.getencoding()
    with suppress(LookupError):
        if codecs.lookup(encoding).name in ("utf-8", "ascii"):
            return
    for each in filter(raw_bytes.has_raw_bytes, arguments):
        if not any(map(os.path.lexists, (each, each.partition("=")[2]))):
            say(f"{each} is not UTF-8, which charlm expects; the encoding of the locale, {encoding}, is not used")
            return
