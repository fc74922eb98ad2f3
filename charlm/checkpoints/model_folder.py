"""The names in a model's folder, its lock, and the swap of a new folder for an old one."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from charlm.errors import ModelError, ModelInUseError, SaveError
from charlm.files.atomic import sync_folder, try_lock

# The files of a model; `checkpoint` describes their content.
FILES = CONFIG, TOKENIZER, WEIGHTS, PLAN, METRICS, CARD = (
    "config.json",
    "tokenizer.json",
    "model.safetensors",
    "plan.json",
    "metrics.jsonl",
    "README.md",
)
REPORT = "report.html"  # written by `charlm report`
STEPS = "steps"  # the folder of training states while a run is unfinished; `training_state` describes their content
MANIFEST, VALUES = "manifest.json", "state.json"  # files of a state; the manifest is written last
ENDED = ".steps.tmp"  # the same folder while it is deleted after a run, or made for a run that continues from a model
_OURS = re.compile(r"\.?({})(\.\d+\.tmp)?".format("|".join(map(re.escape, (*FILES, REPORT)))))


def sibling_path(folder: Path, role: str) -> Path:
    """Path of the hidden folder or file next to a model's folder for a role: new, old or lock."""
    folder = Path(os.path.abspath(folder))
    return folder.parent / f".{folder.name}.{role}"


def is_unfinished(folder: Path) -> bool:
    """Whether a run was begun in this folder and has not ended."""
    return (folder / STEPS).is_dir() and not (folder / STEPS).is_symlink()  # a link leads to files of someone else


def unfinished(folder: Path) -> Path | None:
    """Return the folder with the files of an unfinished run for the model `folder`, or None."""
    return next((path for path in (sibling_path(folder, "new"), folder) if is_unfinished(path)), None)


def state_folders(folder: Path) -> list[Path]:
    """Return the folders of the training states in `folder`, in ascending order of their steps."""
    if (folder / STEPS).is_symlink():
        return []
    try:
        folders = [each for each in (folder / STEPS).iterdir() if each.name.isdecimal() and not each.is_symlink()]
    except OSError:
        return []
    return sorted(folders, key=lambda each: int(each.name))


def saved_step(folder: Path) -> int | None:
    """Return the step of the last complete state, or None; only `training_state.newest` checks that it is intact."""
    return next((int(each.name) for each in reversed(state_folders(folder)) if (each / MANIFEST).exists()), None)


def has_state(folder: Path) -> bool:
    """Whether a run of the model `folder` was stopped and can continue."""
    path = unfinished(folder)
    return path is not None and saved_step(path) is not None


def no_model(folder: Path, suggestion: str = "") -> ModelError:
    """Return the error for a folder that has no model; `suggestion` is what to try if no run was stopped there."""
    if has_state(folder):
        alone = f"there is no model {folder}, only the state of a run before its first validation"
        return ModelError(alone, remedy="resume_stopped")
    return ModelError(f"there is no model {folder}{suggestion}")


def swap_in(new: Path, folder: Path) -> None:
    """Replace `folder` by the complete folder `new`: rename the old one away, the new one in, then delete the old."""
    old = sibling_path(folder, "old")
    replaces = folder.exists()
    if replaces:
        os.rename(folder, old)
    try:
        os.rename(new, folder)
    except BaseException:
        if replaces:
            os.rename(old, folder)
        raise
    try:
        sync_folder(folder.parent)
    finally:
        remove_model(old)


def finish_swap(folder: Path) -> None:
    """Complete what a crash interrupted: a swap, the end of a run, or a write. The caller holds the lock."""
    for each in (folder, sibling_path(folder, "new")):
        if _is_ours(each):
            shutil.rmtree(each / ENDED, ignore_errors=True)
            for temporary in each.glob(".*.tmp"):
                temporary.unlink(missing_ok=True)
    old, new = sibling_path(folder, "old"), sibling_path(folder, "new")
    if not _is_ours(old):
        return
    if not folder.exists():
        os.rename(new if new.exists() else old, folder)
    remove_model(old)


def recover(folder: Path) -> None:
    """Call `finish_swap` if a crash left something to finish; do nothing while a trainer runs or the disk refuses."""
    if sibling_path(folder, "old").exists() or (folder / ENDED).exists():
        with suppress(ModelInUseError, SaveError, OSError), lock(folder):
            finish_swap(folder)


def remove_model(folder: Path) -> None:
    """Delete a folder of files that charlm writes; leave a folder that contains anything else untouched."""
    if _is_ours(folder):
        shutil.rmtree(folder, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    """Whether a folder contains nothing but a model's files, complete or half-written."""
    if not folder.is_dir():
        return False
    return all(map(is_written_by_charlm, folder.iterdir()))


def is_written_by_charlm(path: Path) -> bool:
    """Whether something in a model's folder has the name and the kind of what charlm writes there."""
    if path.is_file():
        return bool(_OURS.fullmatch(path.name))
    return path.name in (STEPS, ENDED) and path.is_dir() and not path.is_symlink()


def is_in_use(folder: Path) -> bool:
    """Whether a process holds the lock of a model's folder."""
    try:
        file = sibling_path(folder, "lock").open("r+b")
    except OSError:
        return False
    with file:
        return not try_lock(file)


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold a model's folder for writing; the lock ends with the process, however the process ends.

    Raises ModelInUseError if another process holds the lock, SaveError if the lock file cannot be written.
    """
    path = sibling_path(folder, "lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = path.open("a+b")
    except OSError as error:
        reason = f"{error.filename or path}: {error.strerror or error}"
        raise SaveError(f"{folder} cannot be written: {reason}", remedy="other_folder") from None
    with opened as file:
        # Two processes can hold locks on a file that its last holder has just deleted. Only the file that is still
        # in the folder counts.
        if not try_lock(file) or not path.exists() or not os.path.samestat(os.fstat(file.fileno()), path.stat()):
            raise ModelInUseError(f"another process is training {folder}", remedy="model_in_use")
        try:
            yield
        finally:
            with suppress(OSError):
                path.unlink()
