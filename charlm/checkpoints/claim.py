"""The folder for a new model: whether it is free, and where its files are written until they are complete."""

from pathlib import Path

from charlm.checkpoints import training_state
from charlm.checkpoints.config_file import is_model
from charlm.checkpoints.model_folder import finish_swap, remove_model, sibling_path, unfinished
from charlm.errors import ModelExistsError


def check_free(folder: Path, overwrite: bool, remedy: str = "continue_or_overwrite") -> None:
    """Raise ModelExistsError if a new model would replace a model, a run that can be resumed, or another folder.

    remedy: what to try if there is a model.
    """
    if folder.exists() and not is_model(folder):
        raise ModelExistsError(f"{folder} exists and is not a charlm model, so it is kept", remedy="other_model")
    if overwrite:
        return
    path = unfinished(folder)
    if path and training_state.newest(path)[0]:
        raise ModelExistsError(f"{folder} has a run that was stopped before its end", remedy="resume_or_overwrite")
    if folder.exists():
        raise ModelExistsError(f"{folder} already exists", remedy=remedy)


def claim(folder: Path, overwrite: bool, remedy: str = "continue_or_overwrite") -> Path:
    """Return the folder for the files of a new model, until it is complete and replaces `folder`.

    The caller holds the lock. Raises ModelExistsError.
    """
    finish_swap(folder)
    check_free(folder, overwrite, remedy)
    path = sibling_path(folder, "new")
    remove_model(path)
    if path.exists():
        raise ModelExistsError(f"{path} is in the way, and charlm did not write it", remedy="move_or_other_model")
    return path
