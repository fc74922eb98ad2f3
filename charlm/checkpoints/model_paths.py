"""Model names: `--model VALUE` → a folder, and the name of the last trained one."""

import difflib
import os
from pathlib import Path

from charlm.checkpoints.model_folder import recover
from charlm.errors import ConfigError, ModelError
from charlm.files.atomic import write_atomic

CHECKPOINTS = Path("checkpoints")
_LATEST = CHECKPOINTS / "latest"


def model_path(value: str) -> Path:
    """`checkpoints/VALUE`, or VALUE itself where it has a path separator.

    Raises ConfigError for a name that is empty, begins with `.`, `-` or `=`, or is `latest`, which names the last one.
    """
    if any(separator in value for separator in (os.sep, os.altsep) if separator):
        return Path(value)
    if value.startswith("="):
        raise ConfigError(f"a model cannot be named {value!r}; write -m {value[1:]}, or --model={value[1:]}")
    if not value or value.startswith((".", "-")) or value == _LATEST.name:
        raise ConfigError(f"a model cannot be named {value!r}; choose another name with --model")
    return CHECKPOINTS / value


def existing_folder(value: str | None) -> Path:
    """The folder of a model that is there; None is the last trained one.

    Raises ModelError, with the nearest name or what to do first, where there is none.
    """
    if value is None:
        value = latest()
    folder = model_path(value)
    recover(folder)
    if not folder.exists():
        near = difflib.get_close_matches(value, trained(), n=1)
        raise ModelError(f"there is no model {folder}" + (f"; did you mean {near[0]}?" if near else ""))
    return folder


def trained() -> list[str]:
    """Names of the models in `checkpoints/`, sorted."""
    if not CHECKPOINTS.is_dir():
        return []
    folders = (path for path in CHECKPOINTS.iterdir() if not path.name.startswith("."))
    return sorted(folder.name for folder in folders if (folder / "config.json").is_file())


def latest() -> str:
    """The name of the last trained model. Raises ModelError where none was trained here."""
    try:
        name = _LATEST.read_text(encoding="utf-8").strip()
        model_path(name)
        return name
    except OSError:
        what = "no model was trained in this folder yet"
    except (ValueError, ConfigError):
        what = f"{_LATEST} does not name a model"
    known = trained()
    advice = f"name one with --model: {', '.join(known)}" if known else "train one first: charlm train corpus.txt"
    raise ModelError(f"{what}; {advice}")


def set_latest(value: str) -> None:
    """Remember the model just trained; a folder elsewhere is remembered by its whole path."""
    CHECKPOINTS.mkdir(exist_ok=True)
    folder = model_path(value)
    name = value if folder.parent == CHECKPOINTS else str(folder.resolve())
    write_atomic(_LATEST, f"{name}\n".encode())
