"""The folder of a model by its name, and the name of the model that was trained last."""

import difflib
import os
from pathlib import Path

from charlm.checkpoints.model_folder import has_state, no_model, recover
from charlm.errors import ConfigError, ModelError
from charlm.files.atomic import write_atomic

CHECKPOINTS = Path("checkpoints")
_LATEST = CHECKPOINTS / "latest"


def model_path(value: str) -> Path:
    """Return `checkpoints/VALUE`, or VALUE itself if it contains a path separator.

    Raises ConfigError for a name that is empty, begins with `.`, `-` or `=`, or is `latest`, a file of charlm's own.
    """
    if any(separator in value for separator in (os.sep, os.altsep) if separator):
        return Path(value)
    if value.startswith("="):
        raise ConfigError(f"a model cannot be named {value!r}", remedy="no_equals_sign", name=value[1:])
    if not value or value.startswith((".", "-")) or value == _LATEST.name:
        raise ConfigError(f"a model cannot be named {value!r}", remedy="other_name")
    return CHECKPOINTS / value


def existing_folder(value: str | None) -> Path:
    """Return the folder of an existing model; None means the model that was trained last.

    Raises ModelError, with the nearest name, if the model does not exist.
    """
    if value is None:
        value = latest()
    folder = model_path(value)
    recover(folder)
    if not folder.exists():
        near = difflib.get_close_matches(value, trained(), n=1)
        raise no_model(folder, f"; did you mean {near[0]}?" if near else "")
    return folder


def trained() -> list[str]:
    """Return the names of the models in `checkpoints/`, sorted."""
    if not CHECKPOINTS.is_dir():
        return []
    folders = (path for path in CHECKPOINTS.iterdir() if not path.name.startswith("."))
    return sorted(folder.name for folder in folders if (folder / "config.json").is_file())


def _stopped() -> Path | None:
    """Return the folder of a run in `checkpoints/` that was stopped before it had a model, or None."""
    runs = sorted(CHECKPOINTS.glob(".*.new"))
    folders = (CHECKPOINTS / path.name.removeprefix(".").removesuffix(".new") for path in runs)
    return next((folder for folder in folders if not folder.exists() and has_state(folder)), None)


def latest() -> str:
    """Return the name of the model that was trained last. Raises ModelError if there is none."""
    try:
        name = _LATEST.read_text(encoding="utf-8").strip()
        model_path(name)
        return name
    except OSError:
        problem = "no model was trained in this folder yet"
        if stopped := _stopped():
            raise no_model(stopped) from None
    except (ValueError, ConfigError):
        problem = f"{_LATEST} does not name a model"
    if known := trained():
        raise ModelError(problem, remedy="name_model", names=", ".join(known))
    raise ModelError(problem, remedy="train_first")


def set_latest(value: str) -> None:
    """Remember the model that was just trained; a folder outside `checkpoints/` by its absolute path."""
    CHECKPOINTS.mkdir(exist_ok=True)
    folder = model_path(value)
    name = value if folder.parent == CHECKPOINTS else str(folder.resolve())
    write_atomic(_LATEST, f"{name}\n".encode())
