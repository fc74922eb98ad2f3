"""The JSON files of a model's folder, read and checked without the libraries of tensors."""

import hashlib
from pathlib import Path
from typing import Any, TypeGuard

from charlm.checkpoints.model_folder import CONFIG, PLAN, has_state, no_model
from charlm.config import ModelConfig
from charlm.data import vocabulary
from charlm.errors import ConfigError, ModelError
from charlm.files.atomic import parse_json, read_file
from charlm.files.reading import read_errors
from charlm.plan import LARGEST_PLAN
from charlm.tasks import declared

FORMAT_VERSION = 1
_LARGEST = {CONFIG: 2**24, PLAN: LARGEST_PLAN}  # bytes
LARGEST_FILE = 2**27 + 2**20  # bytes of a file that is not JSON, with its header
_LARGEST_OF_TASK = vocabulary.LARGEST  # bytes of a file that belongs to the task


def kind(task: str) -> str:
    """Return what config.json calls a model of a task."""
    return f"charlm {declared()[task]['kind']}"


def is_model(folder: Path) -> bool:
    """Whether a folder is a charlm model, complete or not, which training may overwrite."""
    try:
        values, _ = read_json(folder, CONFIG)
    except ModelError:
        return False
    return isinstance(values, dict) and values.get("kind") in [*map(kind, declared())] and "format_version" in values


def is_corpus(values: object) -> TypeGuard[dict[str, Any]]:
    """Whether a value of config.json is a description of a corpus."""
    if not isinstance(values, dict) or not all(isinstance(values.get(name), list) for name in ("files", "held_out")):
        return False
    names = [*values["files"], *values["held_out"]]
    known = isinstance(values.get("sha256"), str) and type(values.get("characters")) is int
    return known and all(isinstance(name, str) for name in names)


def check_config(values: Any, path: Path) -> ModelConfig:
    """Return the configuration in a config.json. Raises ModelError for a wrong value."""
    version = values.get("format_version") if isinstance(values, dict) else None
    if not isinstance(version, int):
        raise ModelError(f"{path} is not the configuration of a charlm model")
    if version > FORMAT_VERSION:
        raise ModelError(f"{path} has format {version} of a newer charlm; this charlm reads format {FORMAT_VERSION}")
    try:
        config = ModelConfig.from_json(values.get("model"), str(path))
    except ConfigError as error:
        raise ModelError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None
    if not config.resolved:
        raise ModelError(f"{path} has an open size, text mode or n-gram order; the configuration of a model has none")
    return config


def read(folder: Path, name: str, limit: int) -> bytes:
    """Return the content of a file of a model, of at most `limit` bytes. Raises ModelError."""
    with read_errors(folder / name, ModelError):
        try:
            return read_file(folder / name, limit)
        except FileNotFoundError:
            if has_state(folder):
                raise no_model(folder) from None
            raise ModelError(f"{folder} has no {name}; it is not a charlm model, or not a complete one") from None


def read_json(folder: Path, name: str) -> tuple[Any, str]:
    """Return the parsed content of a file and its SHA-256."""
    data = read(folder, name, _LARGEST.get(name, _LARGEST_OF_TASK))
    return parse_json(folder / name, data), sha256(data)


def sha256(data: bytes) -> str:
    """Return the SHA-256 of a file's content."""
    return hashlib.sha256(data).hexdigest()
