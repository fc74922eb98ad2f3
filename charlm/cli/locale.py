"""Arguments that the locale reads as other letters than those that were typed."""

import os
import sys
from collections.abc import Sequence

from charlm.cli.output import say
from charlm.wording import quoted


def warn_misread(arguments: Sequence[str]) -> None:
    """Warn if an argument is UTF-8, and the locale has another encoding, in which the letters are others."""
    encoding = sys.getfilesystemencoding()
    if encoding.lower().replace("-", "") == "utf8":
        return
    for argument in arguments:
        try:
            meant = argument.encode(encoding, "surrogateescape").decode()
        except UnicodeError:
            continue  # not UTF-8: it was typed in the encoding of the locale
        if meant != argument and not os.path.lexists(argument):  # the name of a file is read as its bytes
            say(
                f"warning: the locale reads arguments as {encoding}, but {quoted(meant)} is UTF-8; to have it read so,"
                " run the command with PYTHONUTF8=1"
            )
            return
