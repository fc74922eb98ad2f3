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
from charlm.errors import ModelError, ModelInUseError
from charlm.files.atomic import parse_json, read_file, to_json
from charlm.files.reading import read_errors
from charlm.files.tensors import pack, unpack
from charlm.model import Contents, Model
from charlm.plan import Plan, plan_from, read_plan
from charlm.registry import find
from charlm.tasks import Task
from charlm.training.distributed import Group

_FIRST_PROCESS = Path("the model of the first process")  # the source that errors name
_LARGEST_METRICS = 2**26  # bytes


class FinishedRun(NamedTuple):
    """A run that has ended: its model, and what another run needs to continue from it."""

    model: Model
    plan: Plan
    step: int  # of the model
    data: Mapping[str, Any]  # the description of the data, as in config.json
    figures: Mapping[str, Any]  # of the validation of the model
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
        data=described["corpus"],
        figures=described["validation"],
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
    """Return the run of the first process; the runs of the others are ignored.

    The metrics stay in the first process. So do files that are not JSON, because the data has them.
    """
    if group.size == 1:
        assert run
        return run
    plain, tensors = b"", b""
    if run:
        stated, files = run.model.contents()
        plain_files = {name: each for name, each in files.items() if not isinstance(each, bytes)}
        contents = [dict(stated), plain_files]
        plain = to_json([run.plan.to_json(), run.step, dict(run.data), dict(run.figures), run.seconds, contents])
        tensors = pack(run.model.network.state_dict(), {})
    plain, tensors = group.broadcast_bytes(plain), group.broadcast_bytes(tensors)
    if run:
        return run
    values, step, data, figures, seconds, contents = parse_json(_FIRST_PROCESS, plain)
    plan = plan_from(values, _FIRST_PROCESS)
    with torch.device("meta"):
        model = find(Task, plan.model.task).empty_model(plan.model, Contents(*contents))
    model.network.load_state_dict(unpack(_FIRST_PROCESS, tensors)[0], assign=True)
    return FinishedRun(model, plan, step, data, figures, seconds, ())


def check_unchanged(run: FinishedRun, folder: Path) -> None:
    """Raise ModelInUseError if another process has trained the model since it was read. The caller holds the lock."""
    finish_swap(folder)
    if unfinished(folder) or read_plan(folder / PLAN) != run.plan:
        raise ModelInUseError(f"another process has trained {folder} meanwhile", remedy="train_again")
