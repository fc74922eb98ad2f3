"""The names in a model's folder, its lock, and the swap of a new folder for an old one."""

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

from charlm.errors import ModelError, ModelInUseError, SaveError
from charlm.files.atomic import sync_folder, try_lock
from charlm.files.reading import read_errors, reason
from charlm.tasks import declared

# The files of every model; `checkpoint` describes their content.
FILES = CONFIG, WEIGHTS, PLAN, METRICS, CARD = (
    "config.json",
    "model.safetensors",
    "plan.json",
    "metrics.jsonl",
    "README.md",
)
TOKENIZER = "tokenizer.json"  # of the tasks that read text
REPORT = "report.html"  # written by `charlm report`
PROGRAM = "model.py"  # written by `charlm export numpy`
STEPS = "steps"  # the folder of training states while a run is unfinished; `training_state` describes their content
MANIFEST, VALUES = "manifest.json", "state.json"  # files of a state; the manifest is written last
ENDED = ".steps.tmp"  # the same folder while it is deleted after a run, or made for a run that continues from a model
_SWAP_SECONDS = 1.0  # far more than a trainer takes from one rename to the next
_ATTEMPTS = 5  # to lock a file that other processes delete


@cache
def task_files() -> frozenset[str]:
    """Return the names of all files that belong to one task or another."""
    return frozenset(
        name for values in declared().values() for name in (*values["files"], *values.get("more_files", ()))
    )


@cache
def _ours() -> re.Pattern[str]:
    """Return the pattern of the names that charlm writes into a model's folder, complete or half-written."""
    names = map(re.escape, (*FILES, *sorted(task_files()), REPORT, PROGRAM))
    return re.compile(rf"\.?({'|'.join(names)})(\.\d+\.tmp)?")


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
    with suppress(ModelInUseError, SaveError, OSError):
        if sibling_path(folder, "old").exists() or (folder / ENDED).exists():
            with lock(folder) as refusal:
                if not refusal or _stays_away(folder):
                    finish_swap(folder)


def exists(folder: Path) -> bool:
    """Whether a model's folder exists. Raises ModelError if the system does not allow to look."""
    with read_errors(folder, ModelError):
        return folder.exists()


def _stays_away(folder: Path) -> bool:
    """Whether a folder is missing for longer than a trainer, whose lock cannot be seen, takes for its two renames."""
    until = time.monotonic() + _SWAP_SECONDS
    while not folder.exists():
        if time.monotonic() > until:
            return True
        time.sleep(_SWAP_SECONDS / 20)
    return False


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
        return bool(_ours().fullmatch(path.name))
    return path.name in (STEPS, ENDED) and path.is_dir() and not path.is_symlink()


def is_in_use(folder: Path) -> bool:
    """Whether a process holds the lock of a model's folder. Without locks, whether the lock file exists."""
    try:
        check_not_in_use(folder)
    except ModelInUseError:
        return True
    return False


def check_not_in_use(folder: Path) -> None:
    """Raise ModelInUseError if a process trains the model in a folder, or if that is not certain."""
    path = sibling_path(folder, "lock")
    try:
        file = path.open("r+b")
    except OSError:
        return
    with file:
        try:
            if try_lock(file):
                return
        except OSError as error:
            raise ModelInUseError(
                f"{folder} may be in training: {path} exists, and the file system has no locks ({reason(error)}); if no"
                " process trains the model, delete that file"
            ) from None
    raise ModelInUseError(f"another process is training {folder}", remedy="wait_or_stop")


@contextmanager
def lock(folder: Path) -> Iterator[str]:
    """Hold a model's folder for writing; the lock ends with the process, however the process ends.

    Yields an empty string, or the reason why the file system refuses to lock, in which case nothing is locked. Raises
    ModelInUseError if another process holds the lock, SaveError if the lock file cannot be written.
    """
    path = sibling_path(folder, "lock")
    file, refusal = _locked_file(folder, path)
    with file:
        try:
            yield refusal
        finally:
            with suppress(OSError):
                path.unlink()


def _locked_file(folder: Path, path: Path) -> tuple[BinaryIO, str]:
    """Open and lock the lock file of a folder; return it, and why the file system refuses to lock."""
    for attempts_left in reversed(range(_ATTEMPTS)):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("a+b")
        except OSError as error:
            problem = f"{error.filename or path}: {reason(error)}"
            raise SaveError(f"{folder} cannot be written: {problem}", remedy="other_folder") from None
        try:
            locked = try_lock(file)
        except OSError as error:
            return file, reason(error)
        # Two processes can hold locks on a file that its last holder has just deleted. Only the file that is still in
        # the folder counts.
        if locked and (_is_at(path, file) or not attempts_left):  # some file systems number a file anew each time
            return file, ""
        file.close()
        if not locked:
            break
    raise ModelInUseError(f"another process is training {folder}", remedy="model_in_use")


def _is_at(path: Path, file: BinaryIO) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False
