"""The name of a model in its card: in the heading, and in the index of the Hugging Face Hub."""

from pathlib import Path

from charlm.checkpoints.model_folder import CARD
from charlm.errors import ModelError
from charlm.files.atomic import read_file, write_atomic
from charlm.files.markdown import code_span, printable

_LARGEST = 2**24  # bytes


def heading(name: str) -> str:
    """Return the heading of the card."""
    return f"# {code_span(printable(name))}"


def index_entry(name: str) -> str:
    """Return the name in the YAML of the card."""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'- name: "{printable(quoted)}"'


def rename(folder: Path, old: str, new: str) -> None:
    """Replace the name in the card of a model, where charlm wrote it. Raises OSError."""
    path = folder / CARD
    try:
        card = read_file(path, _LARGEST).decode()
    except (FileNotFoundError, ModelError, UnicodeDecodeError):  # there is no card, or it is not charlm's
        return
    changed = card
    for line in (heading, index_entry):
        changed = changed.replace(f"\n{line(old)}\n", f"\n{line(new)}\n", 1)
    if changed != card:
        write_atomic(path, changed.encode(errors="backslashreplace"))
