"""The models and the runs in `checkpoints/`, described by their small files: no weights are read, and no torch."""

import math
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charlm.checkpoints import model_paths
from charlm.checkpoints.config_file import check_config, is_corpus, read_json
from charlm.checkpoints.model_folder import (
    CONFIG,
    PLAN,
    STEPS,
    TOKENIZER,
    VALUES,
    WEIGHTS,
    is_in_use,
    is_unfinished,
    recover,
    saved_step,
    unfinished,
)
from charlm.config import ModelConfig
from charlm.errors import CharlmError, ConfigError, ModelError
from charlm.files.atomic import parse_json, read_file
from charlm.files.reading import reason
from charlm.files.tensor_header import is_trained, read_header
from charlm.plan import plan_from
from charlm.tasks import declared
from charlm.wording import shell_command

_LARGEST_VALUES = 2**26  # bytes of a state's values


@dataclass(frozen=True)
class Run:
    """A run that has not ended: it trains now, or it was stopped and can be continued."""

    folder: Path  # the model that it trains
    path: Path  # the folder that has the files of the run
    active: bool  # whether a process trains it now
    step: int | None  # of the last saved state; None if none was saved
    steps: int | None  # of its plan; None if the plan cannot be read

    @property
    def seconds(self) -> float | None:
        """The time that was spent up to the last saved state; None if it is not known."""
        if self.step is None:
            return None
        path = self.path / STEPS / str(self.step) / VALUES
        try:
            seconds = parse_json(path, read_file(path, _LARGEST_VALUES))["seconds"]
        except (OSError, CharlmError, KeyError, TypeError):
            return None
        return float(seconds) if type(seconds) in (int, float) else None

    @property
    def command(self) -> str:
        """The command line that continues the run. Raises ModelError if its files do not name the corpus."""
        config, corpus = configuration(self.path)
        held_out = ["--valid", *corpus["held_out"]] if corpus["held_out"] else []
        given = ["--tokenizer-file", str(self.path / TOKENIZER)] if config.vocabulary else []
        name = model_paths.name_of(self.folder)
        return shell_command(["charlm", "train", *corpus["files"], *held_out, *given, "--model", name, "--resume"])

    def to_json(self) -> dict[str, Any]:
        """Return plain values for `info --json`. Raises ModelError as `command` does."""
        names = ("active", "step", "steps", "seconds", "command")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Summary:
    """What a list says of a model. A run without a model yet has neither weights nor figures."""

    name: str
    folder: Path
    run: Run | None = None
    problem: str = ""  # why the model cannot be read; the fields below are missing then
    config: ModelConfig | None = None
    corpus: tuple[str, ...] = ()  # names of the files
    parameters: int | None = None
    step: int | None = None  # of the best model
    figure: float | None = None  # of the held-out part, such as bits per character
    figure_name: str = ""  # in a table
    figure_key: str = ""  # in JSON
    trained: float | None = None  # when the weights were written, in seconds since the epoch


def summaries() -> list[Summary]:
    """Return all models and runs in `checkpoints/`: the newest first, then those without weights, by name."""
    return sorted(map(summary, _names()), key=lambda each: (-(each.trained or 0.0), each.name))


def summary(name: str) -> Summary:
    """Describe a model or a run by its name. What is wrong with it is in `problem`."""
    folder = model_paths.CHECKPOINTS / name
    recover(folder)
    run = find_run(folder)
    path = run.path if run and not folder.exists() else folder
    try:
        config, corpus = configuration(path)
        weights = {} if path != folder else _weights(path, config.task)
    except (CharlmError, OSError) as error:
        return Summary(name, folder, run, problem=reason(error))
    return Summary(name, folder, run, config=config, corpus=tuple(corpus["files"]), **weights)


def find_run(folder: Path) -> Run | None:
    """Return the run of a model's folder that has not ended, or None."""
    path = unfinished(folder)
    if path is None:
        return None
    steps = None
    with suppress(ConfigError, ModelError):
        steps = plan_from(read_json(path, PLAN)[0], path / PLAN).total
    return Run(folder, path, is_in_use(folder), saved_step(path), steps)


def _names() -> set[str]:
    """Return the names of all folders in `checkpoints/`, and of the runs that have no model yet."""
    if not model_paths.CHECKPOINTS.is_dir():
        return set()
    folders = {path for path in model_paths.CHECKPOINTS.iterdir() if path.is_dir() or not path.exists()}
    names = {path.name for path in folders if not path.name.startswith(".")}
    for path in folders:
        stem, _, role = path.name.removeprefix(".").rpartition(".")
        # After a crash, a model may be there only as what a swap was to replace; `recover` brings it back.
        if path.name.startswith(".") and (role == "old" or (role == "new" and is_unfinished(path))):
            names.add(stem)
    return names


def written_at(folder: Path) -> float:
    """Return when the weights of a model were written, in seconds since the epoch. Raises OSError."""
    return (folder / WEIGHTS).stat().st_mtime


def configuration(folder: Path) -> tuple[ModelConfig, dict[str, Any]]:
    """Return the configuration and the description of the corpus in config.json. Raises ModelError."""
    if folder.is_dir() and not (folder / CONFIG).exists():
        raise ModelError(f"{folder} is not a charlm model: it has no {CONFIG}")
    values, _ = read_json(folder, CONFIG)
    config = check_config(values, folder / CONFIG)
    if not is_corpus(values.get("corpus")):
        raise ModelError(f"{folder / CONFIG} does not describe the corpus")
    return config, values["corpus"]


def _weights(folder: Path, task: str) -> dict[str, Any]:
    """Return what the header of the weights says, by the fields of Summary. Raises OSError, ModelError."""
    path = folder / WEIGHTS
    try:
        header = read_header(path)
        validation = parse_json(path, header.metadata["validation"].encode()) or {}
        names = dict(declared()[task]["figure"])
        stored = next((name for name in names if name in validation), None)
        figure = None if stored is None else validation[stored]
        shown = names[stored or next(iter(names))]
        shapes = [each["shape"] for name, each in header.tensors.items() if is_trained(name, each["dtype"])]
        return {
            "parameters": sum(math.prod(shape) for shape in shapes),  # the other tensors are not trained
            "step": int(header.metadata["step"]),
            "figure": None if figure is None else float(figure),
            "figure_name": shown,
            "figure_key": next(name for name in reversed(names) if names[name] == shown),
            "trained": written_at(folder),
        }
    except FileNotFoundError:
        raise ModelError(f"{folder} has no {WEIGHTS}; it is not a complete model") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ModelError(f"{path} is damaged: its header does not describe a model") from None
