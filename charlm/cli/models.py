"""The model that a command works on."""

from pathlib import Path
from typing import TYPE_CHECKING

from charlm.checkpoints.model_paths import existing_folder
from charlm.cli.output import say
from charlm.cli.waiting import loading

if TYPE_CHECKING:
    from charlm.language_model import LanguageModel


def find_model(name: str | None, quiet: bool, *, run: bool = False) -> Path:
    """Return the folder of a model, and print it unless the user named the model.

    run: whether a run that has no model yet will do. Raises ModelError if it is missing.
    """
    folder = existing_folder(name, run=run)
    say(f"model {folder}", quiet or name is not None)
    return folder


def load_model(folder: Path, quiet: bool) -> "LanguageModel":
    """Load a model. Raises ModelError as `charlm.load` does."""
    with loading(quiet):
        from charlm.checkpoints.checkpoint import load
    return load(folder)
