"""A trained model as a folder, which is complete: copy it to another machine to sample and score there.

    config.json        the configuration and the description of the corpus     written once
    tokenizer.json     the vocabulary, or the other files of the task          written once
    counts.safetensors the counts of n-grams beside the network, if any        written once
    model.safetensors  weights, with the step, validation and SHA-256 sums     replaced by one rename
    plan.json          how the model was trained; repeats the run
    metrics.jsonl      the machine, then the points of the curves, with the validations and samples
    README.md          the model card

Weights are safetensors and all other files are JSON, so opening a model never runs code.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import torch

from charlm.arguments import checked_path
from charlm.checkpoints import model_paths
from charlm.checkpoints.config_file import LARGEST_FILE, check_config, is_corpus, is_model, read, read_json, sha256
from charlm.checkpoints.model_folder import CONFIG, PLAN, TOKENIZER, WEIGHTS, exists, no_model, recover
from charlm.checkpoints.record import ROUNDING, STATED, TrainingRecord, read_files
from charlm.config import ModelConfig
from charlm.errors import ConfigError, ModelError
from charlm.files.atomic import parse_json
from charlm.files.rounding import check_rounding, restored
from charlm.files.tensor_header import LARGEST_HEADER, ROUNDINGS
from charlm.files.tensors import unpack
from charlm.model import BadFileError, Contents, Model
from charlm.nn.device import find_device
from charlm.nn.network import check_tensors
from charlm.nn.trainable import Trainable
from charlm.plan import plan_from
from charlm.registry import find
from charlm.tasks import Task, declared
from charlm.wording import file_argument, shell_command

Kind = TypeVar("Kind", bound=Model)


def load(path: str | Path | None = None, device: str = "cpu") -> Model:
    """Load a model of any task to a device: cpu, cuda, mps, or auto.

    path: the folder of the model, or its name in `checkpoints/`; None is the model that was trained last there.

    Raises ModelError if there is no such model, or if a file is missing, damaged, of a newer version, or does not match
    the configuration; ConfigError if this machine does not have the device.
    """
    on = find_device(device)
    model, _, _ = _open(find_folder(path))
    model.network.to(on)
    return model


def find_folder(path: str | Path | None) -> Path:
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


def _open(folder: Path) -> tuple[Model, dict[str, Any], dict[str, str]]:
    """Return the model, the content of its config.json, and the metadata of its weights; check every file."""
    recover(folder)
    if not exists(folder):
        raise no_model(folder)
    if not folder.is_dir():
        raise ModelError(f"{folder} is a file, but a model is a folder; if it is an archive, unpack it first")
    values, digest = read_json(folder, CONFIG)
    config = check_config(values, folder / CONFIG)
    task, files, digests = find(Task, config.task), {}, {CONFIG: digest}
    for name in task.files:
        files[name], digests[name] = read_json(folder, name)
    for name in (name for name, setting in task.more_files.items() if getattr(config, setting)):
        files[name] = folder / name
        digests[name] = sha256(read(folder, name, LARGEST_FILE))
    corpus, stated = values.get("corpus"), dict[str, str]()
    record = TrainingRecord(corpus if isinstance(corpus, dict) else {}, stated, read_files(folder))
    try:
        with torch.device("meta"):  # shapes without memory, until the file of the weights is known to have them
            name = folder.resolve().name
            model = task.empty_model(config, Contents(values, files), name=name, record=record)
    except BadFileError as error:
        raise ModelError(f"{folder / error.file} {error}") from None
    except ConfigError as error:
        raise ModelError(f"{folder / CONFIG}: {error}") from None
    tensors, metadata = unpack(folder / WEIGHTS, read(folder, WEIGHTS, _size(model.network) + LARGEST_HEADER))
    for name, expected in digests.items():
        if metadata.get(f"sha256_{Path(name).stem}") != expected:
            raise ModelError(
                f"{folder / name} is not the file that the weights were trained with: it was changed or damaged"
            )
    try:
        check_rounding(metadata.get(ROUNDING, ROUNDINGS[0]))
        tensors = restored(tensors)
        check_tensors(tensors, model.network.state_dict())
    except (ValueError, ConfigError) as error:
        raise ModelError(f"{folder / WEIGHTS}: {error}") from None
    model.network.load_state_dict(tensors, assign=True)
    stated.update({name: text for name, text in metadata.items() if name in STATED})
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


def describe_text(folder: Path, config: ModelConfig) -> dict[str, Any]:
    """Describe what a model that was loaded from this folder was trained on, without its figures.

    Has the values "corpus", "config" and "plan" of `describe`; the plan is None if it cannot be read. Raises
    ModelError.
    """
    try:
        plan = plan_from(read_json(folder, PLAN)[0], folder / PLAN).to_json()
    except (ConfigError, ModelError):
        plan = None
    return {"corpus": corpus_of(folder), "config": asdict(config), "plan": plan}


def expect(model: Model, kind: type[Kind]) -> Kind:
    """Return a model of this kind. Raises ModelError for a model of another task."""
    if isinstance(model, kind):
        return model
    task = declared()[model.config.task]
    raise ModelError(f"{model.name} is a {task['kind']}, which cannot do this", remedy="other_task", verb=task["verb"])


def load_described(folder: Path) -> tuple[Model, dict[str, Any]]:
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
        **{name: values[name] for name in model.contents().stated},
        "parameters": model.network.parameter_count(),
        "corpus": corpus,
        "step": step,
        "steps": plan.total,
        **({"runs": plan.story} if plan.earlier else {}),
        "validation": validation,
        **({"counts_alone": True} if model.network.counts_alone else {}),
        "weights": metadata.get(ROUNDING, ROUNDINGS[0]),
        "plan": plan.to_json(),
        "charlm_version": values["charlm_version"],
        "repeat": shell_command(["charlm", "train", *map(file_argument, corpus["files"]), *held_out, *again]),
    }


def _validation(values: Any) -> dict[str, float | None] | None:
    """Check the validation result of the weights, None if they were not validated. Raises TypeError."""
    if values is None:
        return None
    if not isinstance(values, dict) or not all(isinstance(value, int | float | None) for value in values.values()):
        raise TypeError
    return {str(name): value for name, value in values.items()}


def _size(network: Trainable) -> int:
    """Return the bytes of a network's tensors."""
    return sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values())
