"""A trained model as a folder, which is complete: copy it to another machine to sample and score there.

    config.json        the configuration and the description of the corpus     written once
    tokenizer.json     the vocabulary                                          written once
    model.safetensors  weights, with the step, validation and SHA-256 sums     replaced by one rename
    plan.json          how the model was trained; repeats the run
    metrics.jsonl      the machine, then the points of the curves, with the validations and samples
    README.md          the model card

Weights are safetensors and all other files are JSON, so opening a model never runs code.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from charlm.arguments import checked_path
from charlm.checkpoints import model_paths
from charlm.checkpoints.config_file import check_config, is_corpus, is_model, read, read_json
from charlm.checkpoints.model_folder import CONFIG, PLAN, TOKENIZER, WEIGHTS, exists, no_model, recover
from charlm.checkpoints.record import TrainingRecord, read_files
from charlm.data import vocabulary
from charlm.errors import ConfigError, ModelError
from charlm.files.atomic import parse_json
from charlm.files.tensor_header import LARGEST_HEADER
from charlm.files.tensors import unpack
from charlm.language_model import LanguageModel
from charlm.nn.device import find_device
from charlm.nn.network import Network, check_tensors
from charlm.plan import plan_from
from charlm.registry import find
from charlm.tokenizers import Tokenizer
from charlm.wording import file_argument, shell_command


def load(path: str | Path | None = None, device: str = "cpu") -> LanguageModel:
    """Load a model to a device: cpu, cuda, mps, or auto.

    path: the folder of the model, or its name in `checkpoints/`; None is the model that was trained last there.

    Raises ModelError if there is no such model, or if a file is missing, damaged, of a newer version, or does not match
    the configuration; ConfigError if this machine does not have the device.
    """
    on = find_device(device)
    model, _, _ = _open(_folder_of(path))
    model.network.to(on)
    return model


def _folder_of(path: str | Path | None) -> Path:
    """Return the folder of a model: a path, the name of a model in `checkpoints/`, or the latest.

    A folder with the name wins if it is a model. Raises ModelError if there is no model, TypeError for another type.
    """
    if path is None:
        return model_paths.existing_folder(None)
    folder = checked_path("load() takes the name of a model, or", path)
    if not isinstance(path, str) or folder.name != path or is_model(folder):
        return folder
    named = model_paths.CHECKPOINTS / path
    recover(named)
    if folder.exists() and not named.exists():
        return folder  # whose files will be named in the error
    return model_paths.existing_folder(path)


def _open(folder: Path) -> tuple[LanguageModel, dict[str, Any], dict[str, str]]:
    """Return the model, the content of its config.json, and the metadata of its weights; check every file."""
    recover(folder)
    if not exists(folder):
        raise no_model(folder)
    if not folder.is_dir():
        raise ModelError(f"{folder} is a file, but a model is a folder; if it is an archive, unpack it first")
    values, digest = read_json(folder, CONFIG)
    config, vocabulary_size = check_config(values, folder / CONFIG)
    tokens, tokenizer_digest = read_json(folder, TOKENIZER)
    try:
        find(Tokenizer, config.tokenizer)  # fails here if the configuration is wrong, not the vocabulary
        tokenizer = vocabulary.rebuild(tokens, config.tokenizer)
        with torch.device("meta"):  # shapes without memory, until the file of the weights is known to have them
            network = Network(config, vocabulary_size)
    except ValueError as error:
        raise ModelError(f"{folder / TOKENIZER} is not a vocabulary: {error}") from None
    except ConfigError as error:
        raise ModelError(f"{folder / CONFIG}: {error}") from None
    if tokenizer.size != vocabulary_size:
        raise ModelError(f"{folder / TOKENIZER} has {tokenizer.size} tokens, but {CONFIG} says {vocabulary_size}")
    tensors, metadata = unpack(folder / WEIGHTS, read(folder, WEIGHTS, _size(network) + LARGEST_HEADER))
    for name, expected in ((CONFIG, digest), (TOKENIZER, tokenizer_digest)):
        if metadata.get(f"sha256_{Path(name).stem}") != expected:
            raise ModelError(
                f"{folder / name} is not the file that the weights were trained with: it was changed or damaged"
            )
    try:
        check_tensors(tensors, network.state_dict())
    except ValueError as error:
        raise ModelError(f"{folder / WEIGHTS}: {error}") from None
    network.load_state_dict(tensors, assign=True)
    stated = {name: text for name, text in metadata.items() if name in ("step", "validation")}
    corpus = values.get("corpus")
    record = TrainingRecord(corpus if isinstance(corpus, dict) else {}, stated, read_files(folder))
    model = LanguageModel(config, tokenizer, network.eval(), name=folder.resolve().name, record=record)
    return model, values, metadata


def describe(folder: Path) -> dict[str, Any]:
    """Describe a model's folder in plain values. Raises ModelError as `load` does."""
    return load_described(folder)[1]


def corpus_of(folder: Path) -> dict[str, Any]:
    """Return the description of the corpus of a model that was loaded from this folder. Raises ModelError."""
    values, _ = read_json(folder, CONFIG)
    corpus = values.get("corpus")
    if not is_corpus(corpus):
        raise ModelError(f"{folder / CONFIG} does not describe the corpus")
    return corpus


def load_described(folder: Path) -> tuple[LanguageModel, dict[str, Any]]:
    """Load a model together with what `describe` returns; every file is read once."""
    model, values, metadata = _open(folder)
    corpus = values.get("corpus")
    if not isinstance(values.get("charlm_version"), str) or not is_corpus(corpus):
        raise ModelError(f"{folder / CONFIG} does not describe the corpus, or the version that trained the model")
    try:
        plan = plan_from(read_json(folder, PLAN)[0], folder / PLAN)
        step = int(metadata["step"])
        validation = _validation(parse_json(folder / WEIGHTS, metadata["validation"].encode()))
    except ConfigError as error:
        raise ModelError(str(error)) from None
    except (ValueError, KeyError, TypeError):
        raise ModelError(f"{folder / WEIGHTS} has no validation result in its header; the file is damaged") from None
    held_out = ["--valid", *corpus["held_out"]] if corpus["held_out"] else []
    given = ["--tokenizer-file", str(folder / TOKENIZER)] if model.config.vocabulary else []
    again = [*given, "--plan", str(folder / PLAN), "--model", f"{folder}-again"]
    return model, {
        "model": str(folder),
        "config": asdict(model.config),
        "vocabulary_size": values["vocabulary_size"],
        "parameters": model.network.parameter_count(),
        "corpus": corpus,
        "step": step,
        "steps": plan.total,
        **({"runs": plan.story} if plan.earlier else {}),
        "validation": validation,
        "plan": plan.to_json(),
        "charlm_version": values["charlm_version"],
        "repeat": shell_command(["charlm", "train", *map(file_argument, corpus["files"]), *held_out, *again]),
    }


def _validation(values: Any) -> dict[str, float | None] | None:
    """Check the validation result of the weights, None if they were not validated. Raises KeyError, TypeError."""
    if values is None:
        return None
    result: dict[str, float | None] = {name: values[name] for name in ("nats_per_token", "bits_per_char", "tokens")}
    result |= values
    if not all(isinstance(value, int | float | None) for value in result.values()):
        raise TypeError
    return result


def _size(network: Network) -> int:
    """Return the bytes of a network's tensors."""
    return sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values())
