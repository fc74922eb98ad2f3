"""A run that has ended, and whether another run may continue from its model."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from charlm.checkpoints.checkpoint import load_described
from charlm.checkpoints.model_folder import METRICS, PLAN, finish_swap, unfinished
from charlm.checkpoints.training_state import require_number
from charlm.config import BUDGETS, TrainConfig
from charlm.data import vocabulary
from charlm.data.corpus import Corpus
from charlm.data.sequences import all_sequences
from charlm.errors import CorpusError, ModelError, ModelInUseError
from charlm.files.atomic import parse_json, read_file, to_json
from charlm.files.reading import read_errors
from charlm.files.tensors import pack, unpack
from charlm.language_model import LanguageModel
from charlm.nn.network import Network
from charlm.plan import Plan, plan_from, read_plan
from charlm.training.distributed import Group

_FIRST_PROCESS = Path("the model of the first process")  # the source that errors name
_LARGEST_METRICS = 2**26  # bytes


class FinishedRun(NamedTuple):
    """A run that has ended: its model, and what another run needs to continue from it."""

    model: LanguageModel
    plan: Plan
    step: int  # of the model
    corpus: Mapping[str, Any]  # the description of the corpus, as in config.json
    held_out: int | None  # characters of the held-out part; None for a model that does not tell
    seconds: float  # spent on all runs of the model
    metrics: tuple[str, ...]  # the lines of all runs

    @property
    def minutes(self) -> float:
        """The minutes of the budget that are spent: as planned for a run by time, else as measured."""
        return self.plan.train.budget_minutes or self.seconds / 60

    def allows(self, config: TrainConfig, steps_per_epoch: float = math.inf) -> bool:
        """Whether a budget is larger than what the run had, for all that is known of the steps in an epoch."""
        if config.minutes:
            return config.minutes > self.minutes
        if config.epochs and math.isinf(steps_per_epoch):
            return True
        return (config.total_steps(steps_per_epoch) or 0) > self.plan.total

    def continued(self, config: TrainConfig) -> TrainConfig:
        """Return the settings of the run, with the budget of `config`."""
        return replace(self.plan.train, **{name: getattr(config, name) for name in BUDGETS})


def read_finished(folder: Path) -> FinishedRun:
    """Read the model of a run that has ended.

    Raises ModelError as `load` does, and for the weights of a stopped run whose state is lost.
    """
    model, described = load_described(folder)
    if described["validation"] is None:
        lost = f"{folder} has the weights of a run that was stopped, but not its state, so it cannot be resumed"
        raise ModelError(lost, remedy="overwrite")
    metrics = _read_metrics(folder / METRICS)
    return FinishedRun(
        model=model,
        plan=read_plan(folder / PLAN),
        step=described["step"],
        corpus=described["corpus"],
        held_out=described["validation"].get("characters"),
        seconds=max((_seconds(folder / METRICS, line) for line in metrics[-1:]), default=0.0),
        metrics=metrics,
    )


def _read_metrics(path: Path) -> tuple[str, ...]:
    with read_errors(path, ModelError):
        try:
            return tuple(read_file(path, _LARGEST_METRICS).decode().splitlines())
        except FileNotFoundError:
            return ()
        except UnicodeDecodeError as error:
            raise ModelError(f"{path} is damaged: {error}") from None


def _seconds(path: Path, line: str) -> float:
    """Return the seconds of a line of the metrics; 0 for the first line, which has none."""
    values = parse_json(path, line.encode())
    try:
        return require_number(values, "seconds") if "seconds" in values else 0.0
    except TypeError as error:
        raise ModelError(f"{path} is damaged: {error}") from None


def broadcast_finished(group: Group, run: FinishedRun | None) -> FinishedRun:
    """Return the run of the first process; that of the others is ignored, and its metrics stay in the first."""
    if group.size == 1:
        assert run
        return run
    plain, tensors = b"", b""
    if run:
        tokens = vocabulary.describe(run.model.tokenizer)
        plain = to_json([run.plan.to_json(), run.step, dict(run.corpus), run.held_out, run.seconds, tokens])
        tensors = pack(run.model.network.state_dict(), {})
    plain, tensors = group.broadcast_bytes(plain), group.broadcast_bytes(tensors)
    if run:
        return run
    values, step, corpus, held_out, seconds, tokens = parse_json(_FIRST_PROCESS, plain)
    plan, tokenizer = plan_from(values, _FIRST_PROCESS), vocabulary.rebuild(tokens)
    with torch.device("meta"):
        network = Network(plan.model, tokenizer.size)
    network.load_state_dict(unpack(_FIRST_PROCESS, tensors)[0], assign=True)
    model = LanguageModel(plan.model, tokenizer, network.eval())
    return FinishedRun(model, plan, step, corpus, held_out, seconds, ())


def check_text(run: FinishedRun, corpus: Corpus, valid: Corpus | None) -> None:
    """Raise CorpusError if these are not the texts that the model was trained and validated on.

    valid: a separate held-out text; None for a part of the corpus.
    """
    name, files, held_out = run.model.name, run.corpus["files"], run.corpus["held_out"]
    if corpus.fingerprint() != run.corpus["sha256"]:
        other = f"the text is not the one that {name} was trained on ({', '.join(files)})"
        raise CorpusError(other, remedy="continue_same_text")
    if valid is None and not held_out:
        return
    characters = all_sequences(valid.documents, run.model.mode).characters if valid and held_out else None
    if characters is None or characters != (run.held_out or characters):
        where = ", ".join(held_out) or "a part of the corpus"
        other = f"the held-out text is not the one that {name} was validated on ({where})"
        raise CorpusError(other, remedy="continue_same_valid" if held_out else "continue_no_valid")


def check_unchanged(run: FinishedRun, folder: Path) -> None:
    """Raise ModelInUseError if another process has trained the model since it was read. The caller holds the lock."""
    finish_swap(folder)
    if unfinished(folder) or read_plan(folder / PLAN) != run.plan:
        raise ModelInUseError(f"another process has trained {folder} meanwhile", remedy="train_again")
