"""The whole state of a trainer on disk, so that a run goes on after a crash as if nothing had happened.

    steps/<n>/state.safetensors   weights, averages, moments, hidden state, best weights
              state.json          the plan, the step, the best validation, the metrics, what the corpus was
              manifest.json       sizes and SHA-256 of the other two, written last

Each save is a new folder, and the last two are kept. A folder without a manifest, or one that does not agree with it,
was not finished or is damaged, and the one before it counts.
"""

import errno
import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from charlm.checkpoints.model_folder import ENDED, STEPS
from charlm.errors import ModelError
from charlm.files.atomic import parse_json, read_file, sync_folder, to_json, write_atomic
from charlm.files.tensors import pack, unpack

FORMAT_VERSION = 1
_TENSORS, _VALUES, _MANIFEST = "state.safetensors", "state.json", "manifest.json"
_KEPT = 2
_LARGEST_MANIFEST = 2**16  # bytes


class TrainingState(NamedTuple):
    """A trainer's state after `step` steps."""

    step: int
    values: dict[str, Any]
    tensors: dict[str, Tensor]


def save(folder: Path, saved: TrainingState) -> None:
    """Write a state to `folder`/steps/<n>, and delete all but the last two that are whole. Raises OSError."""
    place = folder / STEPS / str(saved.step)
    if place.parent.is_symlink():
        raise FileExistsError(errno.EEXIST, "a symbolic link is in the way, and is not followed", str(place.parent))
    _delete(place)  # what a crash has left there
    place.mkdir(parents=True)
    try:
        manifest: dict[str, Any] = {"format_version": FORMAT_VERSION, "step": saved.step, "files": {}}
        for name, data in ((_TENSORS, pack(saved.tensors, {})), (_VALUES, to_json(saved.values))):
            write_atomic(place / name, data)
            manifest["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        sync_folder(place.parent)
        write_atomic(place / _MANIFEST, to_json(manifest))
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    whole = [each for each in _numbered(folder) if (each / _MANIFEST).exists()]
    for each in set(_numbered(folder)) - set(whole[-_KEPT:]):
        _delete(each)


def newest(folder: Path) -> tuple[TrainingState | None, list[str]]:
    """The last state in `folder` that is whole, and a sentence for each later one that is damaged."""
    damaged: list[str] = []
    for place in reversed(_numbered(folder)):
        if not (place / _MANIFEST).exists():  # a crash came before the end of the save
            continue
        try:
            return _read(place), damaged
        except (ModelError, OSError) as error:
            damaged.append(str(error))
    return None, damaged


def unfinished(folder: Path) -> bool:
    """Whether a run was begun here and has not come to its end."""
    return (folder / STEPS).is_dir() and not (folder / STEPS).is_symlink()  # what a link leads to is not ours


def any_saved(folder: Path) -> bool:
    """Whether a state was saved to its end; that it is not damaged since only `newest` knows."""
    return any((place / _MANIFEST).exists() for place in _numbered(folder))


def begin(folder: Path) -> None:
    """Mark that a run is under way."""
    (folder / STEPS).mkdir(parents=True, exist_ok=True)


def finish(folder: Path) -> None:
    """Delete all states: the run has come to its end. One rename ends it: a crash must not make it begin again."""
    with suppress(OSError):
        os.replace(folder / STEPS, folder / ENDED)
    for each in (folder / STEPS, folder / ENDED):
        shutil.rmtree(each, ignore_errors=True)


def _delete(place: Path) -> None:
    """The manifest first: what is deleted in part must not look whole. Of a symbolic link nothing but the link."""
    if place.is_symlink():
        place.unlink()
        return
    with suppress(OSError):
        (place / _MANIFEST).unlink()
    shutil.rmtree(place, ignore_errors=True)


def _numbered(folder: Path) -> list[Path]:
    """The folders of states, the last one last."""
    if (folder / STEPS).is_symlink():
        return []
    try:
        found = [each for each in (folder / STEPS).iterdir() if each.name.isdecimal() and not each.is_symlink()]
    except OSError:
        return []
    return sorted(found, key=lambda each: int(each.name))


def _read(place: Path) -> TrainingState:
    manifest = parse_json(place / _MANIFEST, read_file(place / _MANIFEST, _LARGEST_MANIFEST))
    try:
        version, step, files = manifest["format_version"], manifest["step"], manifest["files"]
        stated = {name: (files[name]["bytes"], files[name]["sha256"]) for name in (_TENSORS, _VALUES)}
    except (KeyError, TypeError):
        raise ModelError(f"{place / _MANIFEST} is not that of a trainer's state") from None
    if version != FORMAT_VERSION:
        raise ModelError(f"{place / _MANIFEST} has format {version!r}; this charlm goes on from {FORMAT_VERSION}")
    if type(step) is not int or str(step) != place.name:
        raise ModelError(f"{place / _MANIFEST} is that of step {step!r}")
    blobs = {}
    for name, (size, digest) in stated.items():
        if type(size) is not int or size < 0 or (place / name).stat().st_size != size:
            raise ModelError(f"{place / name} does not have the {size!r} bytes it should")
        blobs[name] = read_file(place / name, size)
        if hashlib.sha256(blobs[name]).hexdigest() != digest:
            raise ModelError(f"{place / name} is damaged: it does not have the SHA-256 it should")
    values = parse_json(place / _VALUES, blobs[_VALUES])
    if not isinstance(values, dict):
        raise ModelError(f"{place / _VALUES} is not that of a trainer's state")
    return TrainingState(step, values, unpack(place / _TENSORS, blobs[_TENSORS])[0])
