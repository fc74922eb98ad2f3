"""The whole state of a run on disk, from which it continues after a crash as if nothing had happened.

    steps/<n>/state.safetensors   weights, averages, moments, hidden state, best weights
              state.json          the plan, the best validation, the metrics, the SHA-256 of the corpus
              manifest.json       sizes and SHA-256 of the other two, written last

Each save is a new folder, and the last two are kept. A folder without a manifest is incomplete; a folder that does not
match its manifest is damaged. In both cases the state before it counts.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from charlm.checkpoints.model_folder import ENDED, MANIFEST, STEPS, VALUES, state_folders
from charlm.errors import ModelError
from charlm.files.atomic import parse_json, read_file, sync_folder, to_json, write_atomic
from charlm.files.reading import reason
from charlm.files.tensors import pack, unpack

FORMAT_VERSION = 1
_TENSORS = "state.safetensors"
_KEPT = 2
_LARGEST_MANIFEST = 2**16  # bytes


class TrainingState(NamedTuple):
    """The state of a run after `step` steps."""

    step: int
    values: dict[str, Any]
    tensors: dict[str, Tensor]


def require_number(values: Mapping[str, Any], name: str) -> float:
    """Return a number of a state's values. Raises KeyError if it is missing, TypeError if it is not a number."""
    value = values[name]
    if type(value) not in (int, float):
        raise TypeError(f"{name} is {repr(value)[:30]}")
    return float(value)


def save(folder: Path, state: TrainingState) -> None:
    """Write a state to `folder`/steps/<n>, and delete all but the last two complete states. Raises OSError."""
    _write(folder / STEPS, state)
    complete = [each for each in state_folders(folder) if (each / MANIFEST).exists()]
    for each in set(state_folders(folder)) - set(complete[-_KEPT:]):
        _delete(each)


def start(folder: Path, state: TrainingState) -> None:
    """Begin a run in the folder of a finished model with its first state, by one rename. Raises OSError.

    Until then, the folder is that of a finished run.
    """
    shutil.rmtree(folder / ENDED, ignore_errors=True)  # remains of a crash
    _write(folder / ENDED, state)
    os.replace(folder / ENDED, folder / STEPS)
    sync_folder(folder)


def _write(steps: Path, state: TrainingState) -> None:
    path = steps / str(state.step)
    if path.parent.is_symlink():
        raise FileExistsError(errno.EEXIST, "a symbolic link is in the way, and is not followed", str(path.parent))
    _delete(path)  # remains of a crash
    path.mkdir(parents=True)
    try:
        manifest: dict[str, Any] = {"format_version": FORMAT_VERSION, "step": state.step, "files": {}}
        for name, data in ((_TENSORS, pack(state.tensors, {})), (VALUES, to_json(state.values))):
            write_atomic(path / name, data)
            manifest["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        sync_folder(path.parent)
        write_atomic(path / MANIFEST, to_json(manifest))
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


def newest(folder: Path) -> tuple[TrainingState | None, list[str]]:
    """Return the last intact state in `folder`, or None, and a sentence for each later state that is damaged."""
    damaged: list[str] = []
    for path in reversed(state_folders(folder)):
        if not (path / MANIFEST).exists():  # a crash interrupted the save
            continue
        try:
            return _read(path), damaged
        except OSError as error:
            damaged.append(f"{error.filename or path} cannot be read: {reason(error)}")
        except ModelError as error:
            damaged.append(str(error))
    return None, damaged


def begin(folder: Path) -> None:
    """Mark that a run has begun."""
    (folder / STEPS).mkdir(parents=True, exist_ok=True)


def finish(folder: Path) -> None:
    """Delete all states of a run that has ended. A rename comes first, so that a crash cannot make it begin again."""
    with suppress(OSError):
        os.replace(folder / STEPS, folder / ENDED)
    for each in (folder / STEPS, folder / ENDED):
        shutil.rmtree(each, ignore_errors=True)


def _delete(path: Path) -> None:
    """Delete a state, its manifest first, so that it never looks complete. Of a symbolic link, delete only the link."""
    if path.is_symlink():
        path.unlink()
        return
    with suppress(OSError):
        (path / MANIFEST).unlink()
    shutil.rmtree(path, ignore_errors=True)


def _read(path: Path) -> TrainingState:
    manifest = parse_json(path / MANIFEST, read_file(path / MANIFEST, _LARGEST_MANIFEST))
    try:
        version, step, files = manifest["format_version"], manifest["step"], manifest["files"]
        stated = {name: (files[name]["bytes"], files[name]["sha256"]) for name in (_TENSORS, VALUES)}
    except (KeyError, TypeError):
        raise ModelError(f"{path / MANIFEST} is not the manifest of a training state") from None
    if version != FORMAT_VERSION:
        raise ModelError(f"{path / MANIFEST} has format {version!r}; this charlm reads format {FORMAT_VERSION}")
    if type(step) is not int or str(step) != path.name:
        raise ModelError(f"{path / MANIFEST} belongs to step {step!r}")
    blobs = {}
    for name, (size, digest) in stated.items():
        if type(size) is not int or size < 0 or (path / name).stat().st_size != size:
            raise ModelError(f"{path / name} should have {size!r} bytes, and has another size")
        blobs[name] = read_file(path / name, size)
        if hashlib.sha256(blobs[name]).hexdigest() != digest:
            raise ModelError(f"{path / name} is damaged: its SHA-256 is not that of the manifest")
    values = parse_json(path / VALUES, blobs[VALUES])
    if not isinstance(values, dict):
        raise ModelError(f"{path / VALUES} does not hold a training state")
    return TrainingState(step, values, unpack(path / _TENSORS, blobs[_TENSORS])[0])
