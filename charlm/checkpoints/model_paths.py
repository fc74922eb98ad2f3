"""The folder of a model by its name, and the name of the model that was trained last."""

import os
from contextlib import suppress
from pathlib import Path

from charlm.checkpoints.model_folder import CONFIG, exists, has_state, no_model, recover, unfinished
from charlm.errors import ConfigError, ModelError
from charlm.files.atomic import write_atomic
from charlm.files.reading import reason
from charlm.wording import listed, nearest

CHECKPOINTS = Path("checkpoints")
_LATEST = CHECKPOINTS / "latest"
_LISTED = 12  # names in an error


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


def existing_folder(value: str | None, *, run: bool = False) -> Path:
    """Return the folder of an existing model; None means the model that was trained last.

    run: whether a run that has no model yet will do; its files are in a folder of their own.

    Raises ModelError, which lists the models that exist, if the model does not.
    """
    if value is None:
        value = latest()
        folder = model_path(value)
        recover(folder)
        if not exists(folder):
            raise _without(f"the model that was trained last, {folder}, does not exist")
        return folder
    folder = folder_of(value)
    recover(folder)
    if not exists(folder) and not (run and unfinished(folder)):
        raise missing(folder)
    return folder


def folder_of(value: str) -> Path:
    """Return the folder that the name of a model, or a path, stands for.

    `.` is the folder that one is in, and `NAME/` is the model NAME, unless a folder of this name is a model too.
    """
    folder = Path(value) if value in (".", "..") else model_path(value)
    name = value.rstrip(os.sep + (os.altsep or ""))
    bare = name != value and len(Path(name).parts) == 1 and not name.startswith(".")
    if bare and not (folder / CONFIG).is_file() and ((named := model_path(name)).exists() or not folder.exists()):
        return named
    return folder


def missing(folder: Path) -> ModelError:
    """Return the error for a model that does not exist, with the models that do."""
    if has_state(folder):
        return no_model(folder)
    inside = folder.parent == CHECKPOINTS
    if inside and (Path(folder.name) / CONFIG).is_file():
        return ModelError(f"there is no model {folder}; did you mean .{os.sep}{folder.name}?")
    known = [path.name for path in _models(folder.parent)]
    names = known if inside else [name_of(folder.parent / name) for name in known]
    if not names:
        return _without(f"there is no model {folder}")
    shown = names if len(names) <= _LISTED else [*names[: _LISTED - 1], f"{len(names) - _LISTED + 1} more"]
    near = nearest(folder.name, known)
    hint = f"; did you mean {names[known.index(near[0])]}?" if near else ""
    return ModelError(f"there is no model {folder}, only {listed(shown)}{hint}")


def name_of(folder: Path) -> str:
    """Return the name of a model by its folder: the value that `model_path` turns into the folder."""
    if folder.parent == CHECKPOINTS:
        return folder.name
    return str(folder) if len(folder.parts) > 1 else f".{os.sep}{folder}"


def trained() -> list[str]:
    """Return the names of the models in `checkpoints/`, sorted."""
    return [folder.name for folder in _models(CHECKPOINTS)]


def stopped() -> list[str]:
    """Return the names of the runs in `checkpoints/` that were stopped before they had a model, sorted."""
    names = (path.name.removeprefix(".").removesuffix(".new") for path in CHECKPOINTS.glob(".*.new"))
    return sorted(name for name in names if not (CHECKPOINTS / name).exists() and has_state(CHECKPOINTS / name))


def latest() -> str:
    """Return the name of the model that was trained last. Raises ModelError if there is none."""
    try:
        name = os.fsdecode(_LATEST.read_bytes()).removesuffix("\n").removesuffix("\r")
        model_path(name)
        return name
    except FileNotFoundError:
        problem = "no model was trained in this folder yet"
        if trained():
            problem = "no model is marked as the one that was trained last"
        elif runs := stopped():
            raise no_model(CHECKPOINTS / runs[0]) from None
    except OSError as error:
        raise ModelError(f"{_LATEST} cannot be read: {reason(error)}") from None
    except (ValueError, ConfigError):
        problem = f"{_LATEST} does not name a model"
    raise _without(problem)


def remember(folder: Path) -> None:
    """Call `set_latest` for a folder in `checkpoints/` of the current folder, unless the disk refuses it."""
    if folder.resolve().parent == CHECKPOINTS.resolve():
        with suppress(OSError):
            set_latest(folder.name)


def set_latest(value: str) -> None:
    """Remember the model that was just trained; a folder outside `checkpoints/` by its absolute path."""
    CHECKPOINTS.mkdir(exist_ok=True)
    folder = model_path(value)
    name = value if folder.parent == CHECKPOINTS else str(folder.resolve())
    write_atomic(_LATEST, os.fsencode(f"{name}\n"))


def is_latest(folder: Path) -> bool:
    """Whether a model is the one that was trained last."""
    try:
        return model_path(latest()).resolve() == folder.resolve()
    except ModelError:
        return False


def forget_latest() -> None:
    """Forget which model was trained last."""
    _LATEST.unlink(missing_ok=True)


def _without(problem: str) -> ModelError:
    """Return the error for a command that has no model, with what to do."""
    if known := trained():
        return ModelError(problem, remedy="name_model", names=", ".join(known))
    return ModelError(problem, remedy="train_first")


def _models(parent: Path) -> list[Path]:
    """Return the folders of the models in a folder, by name."""
    try:
        folders = sorted(path for path in parent.iterdir() if not path.name.startswith("."))
    except OSError:
        return []
    return [folder for folder in folders if (folder / CONFIG).is_file()]
