"""Write the files of a model that `checkpoint` reads."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from charlm.checkpoints.config_file import FORMAT_VERSION, KIND, sha256
from charlm.checkpoints.model_folder import CONFIG, TOKENIZER, WEIGHTS
from charlm.config import ModelConfig
from charlm.data import vocabulary
from charlm.files.atomic import json_line, to_json, write_atomic
from charlm.files.tensors import pack
from charlm.tokenizers import Tokenizer
from charlm.version import __version__


def create(folder: Path, config: ModelConfig, tokenizer: Tokenizer, corpus: Mapping[str, Any]) -> None:
    """Write the files that never change. `config` must be resolved; `corpus` describes the corpus without its text."""
    values = {
        "format_version": FORMAT_VERSION,
        "charlm_version": __version__,
        "kind": KIND,
        "model": asdict(config),
        "vocabulary_size": tokenizer.size,
        "corpus": corpus,
    }
    write_atomic(folder / CONFIG, to_json(values))
    write_atomic(folder / TOKENIZER, to_json(vocabulary.describe(tokenizer)))


def metadata(step: int, validation: Mapping[str, Any] | None) -> dict[str, str]:
    """Return what the file of the weights says of them; `validation` is None if they were not validated."""
    return {"step": str(step), "validation": json_line(validation)}


def save_weights(folder: Path, weights: Mapping[str, Tensor], stated: Mapping[str, str]) -> None:
    """Replace the weights by one rename.

    Their metadata is what `metadata` returns, and the SHA-256 of the two files that belong to them.
    """
    sums = {
        "sha256_config": sha256((folder / CONFIG).read_bytes()),
        "sha256_tokenizer": sha256((folder / TOKENIZER).read_bytes()),
    }
    write_atomic(folder / WEIGHTS, pack(weights, {**stated, **sums}))
