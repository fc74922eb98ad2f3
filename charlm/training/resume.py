"""The run of a folder, stopped or ended: what is left of it, and whether it is the run that was asked for."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

import torch

from charlm.checkpoints import training_state
from charlm.checkpoints.config_file import is_model
from charlm.checkpoints.model_folder import STEPS, finish_swap, lock, unfinished
from charlm.checkpoints.training_state import TrainingState
from charlm.config import BUDGETS, ModelConfig
from charlm.data import vocabulary
from charlm.errors import ConfigError, CorpusError, ModelError
from charlm.files.atomic import parse_json, to_json
from charlm.files.tensors import pack, unpack
from charlm.plan import Plan, plan_from
from charlm.tasks import Dataset
from charlm.training.best import without_best
from charlm.training.distributed import Group
from charlm.training.finished_run import FinishedRun, broadcast_finished, read_finished
from charlm.training.given import Given
from charlm.training.learner import Learner
from charlm.training.torchrun import launched

_FIRST_PROCESS = Path("the state of the first process")  # the source that errors name


class UnfinishedRun(NamedTuple):
    """A run that did not reach its end. All but `damaged` is None if it has no intact state, and must begin again."""

    path: Path | None  # the folder with its files; None in all processes but the first
    state: TrainingState | None
    plan: Plan | None
    damaged: tuple[str, ...]  # for each state that was passed over, what is wrong with it


def find_run(group: Group, folder: Path) -> UnfinishedRun | FinishedRun | None:
    """Find the run of `folder` in the first process, and send it to the others; None if there is none.

    Raises ModelInUseError while another process trains it, ModelError if its files are damaged.
    """
    run = _find(folder) if group.first else None
    kind = group.broadcast_float([type(None), UnfinishedRun, FinishedRun].index(type(run)))
    if kind == 0:
        return None
    if kind == 2:
        return broadcast_finished(group, run if isinstance(run, FinishedRun) else None)
    unfinished = run if isinstance(run, UnfinishedRun) else None
    state = unfinished.state if unfinished else None
    state = broadcast_state(group, state) if group.broadcast_float(state is not None) else None
    if unfinished:
        return unfinished
    return UnfinishedRun(None, state, plan_from(state.values.get("plan"), _FIRST_PROCESS) if state else None, ())


def _find(folder: Path) -> UnfinishedRun | FinishedRun | None:
    if not unfinished(folder) and is_model(folder):
        return read_finished(folder)
    with lock(folder):
        finish_swap(folder)
        path = unfinished(folder)
        if path is None:
            return read_finished(folder) if is_model(folder) else None
        state, damaged = training_state.newest(path)
        if state is None:
            return UnfinishedRun(None, None, None, tuple(damaged))
        try:
            plan = plan_from(state.values.get("plan"), path / STEPS / str(state.step))
        except ConfigError as error:
            raise ModelError(str(error)) from None
        return UnfinishedRun(path, state, plan, tuple(damaged))


def broadcast_state(group: Group, state: TrainingState | None) -> TrainingState:
    """Return the state of the first process; the state of the others is ignored and may be None."""
    if group.size == 1:
        assert state
        return state
    sent = state or TrainingState(0, {}, {})
    step, values = parse_json(_FIRST_PROCESS, group.broadcast_bytes(to_json([sent.step, sent.values])))
    tensors, _ = unpack(_FIRST_PROCESS, group.broadcast_bytes(pack(sent.tensors, {})))
    return TrainingState(step, values, tensors)


def broadcast_plan(group: Group, plan: Plan) -> Plan:
    """Return the plan of the first process."""
    if group.size == 1:
        return plan
    source = Path("the plan of the first process")
    return plan_from(parse_json(source, group.broadcast_bytes(to_json(plan.to_json()))), source)


def restarted(group: Group, folder: Path, overwrite: bool) -> bool:
    """Whether torchrun has restarted this run, which then continues without being asked to.

    Each machine counts its own failures. A complete model in the folder is this run's, unless it is to be overwritten.
    """
    (restarts,) = group.all_reduce_max([launched().restarts])
    return restarts > 0 and bool(group.broadcast_float(unfinished(folder) is not None or not overwrite))


def plans_to_follow(run: UnfinishedRun | FinishedRun | None, asked: Given) -> Sequence[Plan | None]:
    """Return the plans of the runs that remain, in their order; None is a plan that has to be made.

    run: what the folder has. Raises ConfigError if it has other settings than are asked for.
    """
    wanted = asked.plan.runs() if asked.plan else ()
    if run is None or run.plan is None:
        return wanted or (None,)
    index = len(run.plan.earlier)
    if wanted:
        same = wanted[min(index, len(wanted) - 1)]
        asked = asked._replace(model=same.model, config=same.train)
    _check_settings(run, asked)
    rest = wanted[index + 1 :]
    if isinstance(run, UnfinishedRun):
        return (run.plan, *rest)
    if rest and run.plan.total != wanted[index].total:
        steps = f"{run.model.name} has had {run.plan.total:,} steps"
        raise ConfigError(f"{steps}, and the plan continues from {wanted[index].total:,}", remedy="continue_plan")
    return rest if wanted or not run.allows(asked.config) else (None,)


def _check_settings(run: UnfinishedRun | FinishedRun, asked: Given) -> None:
    """Raise ConfigError if a setting or a given vocabulary differs from the plan of the run.

    A setting with its default value counts as not given, unless it was given by name. The budget of a run that has
    ended may differ.
    """
    assert run.plan
    which = _Which(run.plan, run.model.name if isinstance(run, FinishedRun) else None)
    given = vocabulary.sha256(asked.tokenizer) if asked.tokenizer else asked.model.vocabulary
    if given not in (None, run.plan.model.vocabulary):
        which.refuse_vocabulary()
    for config in (asked.model, asked.config):
        for each in fields(config):
            value = getattr(config, each.name)
            if value != each.default or asked.keywords.get(each.name) is not None:
                which.check(each.name, value)


class _Which(NamedTuple):
    """The plan of a run that continues; `model` is the name of its model if the run has ended."""

    plan: Plan
    model: str | None

    def check(self, name: str, wanted: object) -> None:
        """Raise ConfigError if a setting has another value in the plan. Only an unfinished run fixes the budget."""
        planned = self.plan.model if name in ModelConfig.__dataclass_fields__ else self.plan.train
        value, run = getattr(planned, name), self.model or "the unfinished run"
        if name in BUDGETS:
            budget, length = self.plan.train.budget
            if self.model is None and (name, wanted) != (budget, length):
                different = f"{run} has {budget} = {length:g}, not {name} = {wanted}"
                raise ConfigError(different, remedy="resume_budget", settings=[name])
        elif wanted not in ("auto", value):
            remedy = "continue_setting" if self.model else "resume_setting"
            raise ConfigError(f"{run} has {name} = {value}, not {wanted}", remedy=remedy, settings=[name])

    def refuse_vocabulary(self) -> None:
        """Raise ConfigError: another vocabulary was given than the run has."""
        run = self.model or "the unfinished run"
        if self.plan.model.vocabulary:
            remedy = "continue_same_vocabulary" if self.model else "resume_same_vocabulary"
            raise ConfigError(f"{run} was given another vocabulary", remedy=remedy)
        remedy = "continue_own_vocabulary" if self.model else "resume_own_vocabulary"
        raise ConfigError(f"{run} learned its own vocabulary", remedy=remedy)


def check_state(state: TrainingState, dataset: Dataset, plan: Plan) -> None:
    """Raise CorpusError if the corpus has changed since the run began, ModelError if the state does not fit the plan.

    A forged plan may describe a network that fits into no memory, so the check builds it on the device that has none.
    """
    known = state.values.get("corpus")
    if known != dataset.sha256:
        changed = f"the corpus has changed since the run began (SHA-256 {dataset.sha256}, then {known})"
        raise CorpusError(changed, remedy="resume_same_corpus")
    meta = torch.device("meta")
    try:
        with meta:
            Learner(dataset.network(plan.model, meta, plan.train.seed), plan.train).restore(without_best(state.tensors))
    except (TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"the state of step {state.step} does not fit its plan: {error}") from None
