"""Remove and rename models. Both touch only charlm's own files, and nothing while a process trains the model."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from charlm.checkpoints import card_name, model_paths
from charlm.checkpoints.config_file import is_model
from charlm.checkpoints.model_folder import (
    CONFIG,
    ENDED,
    STEPS,
    check_not_in_use,
    finish_swap,
    is_written_by_charlm,
    lock,
    recover,
    sibling_path,
)
from charlm.errors import CharlmError, ModelError, ModelExistsError, ModelInUseError, SaveError
from charlm.files.atomic import sync_folder
from charlm.files.reading import reason


class Removed(NamedTuple):
    """What was deleted, and what was left."""

    bytes: int
    kept: list[Path]  # files in the folder that charlm did not write; if there are any, the folder is kept too


def check_own(folder: Path) -> None:
    """Raise ModelError unless a folder is a model or a run of charlm, and no symbolic link.

    Raises ModelInUseError if a process trains the model.
    """
    recover(folder)
    check_not_in_use(folder)
    for path in (path for path in _parts(folder) if path.exists() or path.is_symlink()):
        if path.is_symlink():
            raise ModelError(f"{path} is a symbolic link, which charlm neither removes nor renames")
        if not path.is_dir():
            raise ModelError(f"{path} is a file, but a model is a folder; it is kept")
        if not is_model(path):
            raise ModelError(f"{path} is not a charlm model, or its {CONFIG} cannot be read, so it is kept")


def size(folder: Path) -> int:
    """Return the bytes of a model's files, with those of its run."""
    files = (file for part in _parts(folder) for path in _own(part) for file in (path, *path.rglob("*")))
    return sum(file.lstat().st_size for file in files if file.is_file())


def remove(folder: Path) -> Removed:
    """Delete a model and its run; keep files in the folder that charlm did not write.

    config.json goes last, so that a removal that is interrupted can be repeated. Raises ModelError as `check_own` does,
    ModelInUseError if a process trains the model, SaveError if the system refuses.
    """
    check_own(folder)
    latest = model_paths.is_latest(folder)
    with _locked(folder), _refusals(folder, "removed"):
        finish_swap(folder)
        freed = size(folder)
        for part in (sibling_path(folder, "new"), folder):
            for path in _own(part):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            with suppress(OSError):  # files of someone else
                part.rmdir()
        kept = sorted(path for part in _parts(folder) if part.is_dir() for path in part.iterdir())
        if latest:
            model_paths.forget_latest()
    return Removed(freed, kept)


def rename(folder: Path, name: str) -> Path:
    """Give a model and its run another name or path, and return its new folder.

    Raises ModelExistsError if the name is taken, and otherwise as `remove` does.
    """
    check_own(folder)
    new = model_paths.model_path(name)
    for path in _parts(new):
        if path.exists() or path.is_symlink():
            raise ModelExistsError(f"{path} already exists", remedy="other_new_name")
    latest, former = model_paths.is_latest(folder), folder.resolve().name
    with _locked(folder), _refusals(folder, "renamed"):
        finish_swap(folder)
        with _locked(new):
            for old_part, new_part in zip(_parts(folder), _parts(new), strict=True):
                if old_part.exists():
                    os.rename(old_part, new_part)
                    with suppress(OSError):  # the model has its new name already
                        card_name.rename(new_part, former, new.resolve().name)
            for parent in {folder.absolute().parent, new.absolute().parent}:
                sync_folder(parent)
        if latest:
            model_paths.set_latest(name)
    return new


def _parts(folder: Path) -> tuple[Path, Path]:
    """Return the folder of a model, and that of a run that has no model yet, or is to replace it."""
    return folder, sibling_path(folder, "new")


def _own(folder: Path) -> list[Path]:
    """Return what charlm wrote into a folder, config.json last."""
    if not folder.is_dir():
        return []
    own = [path for path in folder.iterdir() if is_written_by_charlm(path)]
    return sorted(own, key=lambda path: (path.name == CONFIG, path.name not in (STEPS, ENDED)))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        with lock(folder):
            yield
    except ModelInUseError:
        raise _in_use(folder) from None
    except SaveError as error:
        raise SaveError(str(error)) from None  # without the remedy of a training


def _in_use(folder: Path) -> ModelInUseError:
    return ModelInUseError(f"another process is training {folder}", remedy="wait_or_stop")


@contextmanager
def _refusals(folder: Path, what: str) -> Iterator[None]:
    """Turn an OSError in the block into an error that names the folder."""
    try:
        yield
    except CharlmError:
        raise
    except OSError as error:
        raise SaveError(f"{folder} cannot be {what}: {error.filename or folder}: {reason(error)}") from None
