"""The model that a command works on."""

from pathlib import Path
from typing import TYPE_CHECKING

from charlm.checkpoints.model_folder import CONFIG
from charlm.cli.output import say
from charlm.cli.waiting import loading
from charlm.errors import ModelError

if TYPE_CHECKING:
    from charlm.config import ModelConfig
    from charlm.language_model import LanguageModel


def say_model(folder: Path, name: str | None, quiet: bool) -> None:
    """Print which model a command uses, unless the user named it. Call it when nothing is left to refuse."""
    say(f"model {folder}", quiet or name is not None)


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
