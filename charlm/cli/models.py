"""The model that a command works on."""

from pathlib import Path
from typing import TYPE_CHECKING

from charlm.checkpoints.model_folder import CONFIG
from charlm.checkpoints.model_paths import existing_folder
from charlm.cli.output import say
from charlm.cli.waiting import loading
from charlm.errors import ModelError

if TYPE_CHECKING:
    from charlm.config import ModelConfig
    from charlm.language_model import LanguageModel


def find_model(name: str | None, quiet: bool, *, run: bool = False) -> Path:
    """Return the folder of a model, and print it unless the user named the model.

    run: whether a run that has no model yet will do. Raises ModelError if it is missing.
    """
    folder = existing_folder(name, run=run)
    say(f"model {folder}", quiet or name is not None)
    return folder


def takes_any_bytes(folder: Path) -> bool:
    """Return whether a model reads a text that is not UTF-8, by its configuration; `load_model` checks the model."""
    from charlm.tokenizers import reads_any_bytes

    config = _configuration(folder)
    return config is not None and reads_any_bytes(config.tokenizer)


def verb_of(folder: Path) -> str:
    """Return the command that asks a model, by its configuration; "" if that cannot be read."""
    from charlm.tasks import declared

    config = _configuration(folder)
    return str(declared()[config.task]["verb"]) if config else ""


def _configuration(folder: Path) -> "ModelConfig | None":
    """Return the configuration of a model, or None if it cannot be read."""
    from charlm.checkpoints.config_file import check_config, read_json

    try:
        return check_config(read_json(folder, CONFIG)[0], folder / CONFIG)
    except ModelError:
        return None


def load_model(folder: Path, quiet: bool) -> "LanguageModel":
    """Load a language model. Raises ModelError as `charlm.load` does, and for a model of another task."""
    with loading(quiet):
        from charlm.checkpoints.checkpoint import expect, load
        from charlm.language_model import LanguageModel
    return expect(load(folder), LanguageModel)
