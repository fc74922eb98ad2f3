"""A run that was stopped before its end: what is left of it, and whether it is the run that was asked for."""

from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

import torch

from charlm.checkpoints import training_state
from charlm.checkpoints.config_file import is_model
from charlm.checkpoints.model_folder import STEPS, finish_swap, lock, unfinished
from charlm.checkpoints.training_state import TrainingState
from charlm.config import ModelConfig, TrainConfig
from charlm.data import vocabulary
from charlm.errors import ConfigError, CorpusError, ModelError
from charlm.files.atomic import parse_json, to_json
from charlm.files.tensors import pack, unpack
from charlm.plan import Plan, plan_from
from charlm.tasks.language import Dataset
from charlm.tokenizers import Tokenizer
from charlm.training.best import without_best
from charlm.training.distributed import Group
from charlm.training.learner import Learner
from charlm.training.torchrun import launched

_FIRST_PROCESS = Path("the state of the first process")  # the source that errors name


class UnfinishedRun(NamedTuple):
    """A run that did not reach its end. All but `damaged` is None if it has no intact state, and must begin again."""

    path: Path | None  # the folder with its files; None in all processes but the first
    state: TrainingState | None
    plan: Plan | None
    damaged: tuple[str, ...]  # for each state that was passed over, what is wrong with it


def find_unfinished(group: Group, folder: Path) -> UnfinishedRun | None:
    """Find the run for `folder` in the first process, and send its state to the others.

    Returns None if the run has ended. Raises ModelInUseError while another process trains it.
    """
    run = _find(folder) if group.first else None
    if not group.broadcast_float(run is not None):
        return None
    state = run.state if run else None
    state = broadcast_state(group, state) if group.broadcast_float(state is not None) else None
    if run:
        return run
    return UnfinishedRun(None, state, plan_from(state.values.get("plan"), _FIRST_PROCESS) if state else None, ())


def _find(folder: Path) -> UnfinishedRun | None:
    if not unfinished(folder) and is_model(folder):
        return None
    with lock(folder):
        finish_swap(folder)
        path = unfinished(folder)
        if path is None and is_model(folder):
            return None
        state, damaged = training_state.newest(path) if path else (None, [])
        if path is None or state is None:
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


def check_settings(plan: Plan, model: ModelConfig, config: TrainConfig, tokenizer: Tokenizer | None) -> None:
    """Raise ConfigError if a setting or a given vocabulary differs from the plan of the run that is resumed."""
    given = vocabulary.sha256(tokenizer) if tokenizer else model.vocabulary
    if given not in (None, plan.model.vocabulary):
        if plan.model.vocabulary:
            raise ConfigError("the unfinished run was given another vocabulary", remedy="resume_same_vocabulary")
        raise ConfigError("the unfinished run learned its own vocabulary", remedy="resume_own_vocabulary")
    for asked, planned in ((model, plan.model), (config, plan.train)):
        for each in fields(asked):
            wanted, value = getattr(asked, each.name), getattr(planned, each.name)
            if wanted not in (each.default, "auto", value):
                message = f"the unfinished run has {each.name} = {value}, not {wanted}"
                raise ConfigError(message, remedy="resume_setting", settings=[each.name])


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
