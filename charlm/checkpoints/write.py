"""Write the files of a model that `checkpoint` reads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from charlm.checkpoints.config_file import FORMAT_VERSION, kind, sha256
from charlm.checkpoints.model_folder import CONFIG, WEIGHTS, task_files
from charlm.config import ModelConfig
from charlm.files.atomic import json_line, to_json, write_atomic
from charlm.files.tensors import pack
from charlm.model import Contents
from charlm.version import __version__


def create(folder: Path, config: ModelConfig, contents: Contents, data: Mapping[str, Any]) -> None:
    """Write the files that never change. `config` must be resolved; `data` describes the data without its text."""
    values = {
        "format_version": FORMAT_VERSION,
        "charlm_version": __version__,
        "kind": kind(config.task),
        "model": config.to_json(),
        **contents.stated,
        "corpus": dict(data),
    }
    write_atomic(folder / CONFIG, to_json(values))
    for name, content in contents.files.items():
        write_atomic(folder / name, content if isinstance(content, bytes) else to_json(content))


def metadata(step: int, validation: Mapping[str, Any] | None) -> dict[str, str]:
    """Return what the file of the weights says of them; `validation` is None if they were not validated."""
    return {"step": str(step), "validation": json_line(validation)}


def save_weights(folder: Path, weights: Mapping[str, Tensor], stated: Mapping[str, str]) -> None:
    """Replace the weights by one rename.

    Their metadata is what `metadata` returns, and the SHA-256 of the files that belong to them.
    """
    names = [CONFIG, *(name for name in sorted(task_files()) if (folder / name).exists())]
    sums = {f"sha256_{Path(name).stem}": sha256((folder / name).read_bytes()) for name in names}
    write_atomic(folder / WEIGHTS, pack(weights, {**stated, **sums}))
