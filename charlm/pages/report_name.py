"""The name of a model in its report: in the title of the window, and in the heading."""

from pathlib import Path

from charlm.errors import ModelError
from charlm.files.atomic import read_file, write_atomic
from charlm.markup import safe
from charlm.pages.style import titled

_LARGEST = 2**28  # bytes


def title(name: str) -> str:
    """Return the title of the page."""
    return titled(name, "charlm report")


def heading(name: str) -> str:
    """Return the heading of the page."""
    return f"<h1>{safe(name)}</h1>"


def rename(path: Path, old: str, new: str) -> None:
    """Replace the name in a report, if it exists. Raises OSError."""
    try:
        page = read_file(path, _LARGEST).decode()
    except (FileNotFoundError, ModelError, UnicodeDecodeError):  # there is no report, or it is not charlm's
        return
    changed = page.replace(f"<title>{safe(title(old))}</title>", f"<title>{safe(title(new))}</title>", 1)
    changed = changed.replace(heading(old), heading(new), 1)
    if changed != page:
        write_atomic(path, changed.encode(errors="backslashreplace"))
