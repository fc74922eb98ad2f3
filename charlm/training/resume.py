"""A run that was cut short, taken up again: what is left of it, and whether it is the one that is asked for."""

from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import torch

from charlm.checkpoints import training_state
from charlm.checkpoints.checkpoint import is_model
from charlm.checkpoints.model_folder import STEPS, finish_swap, lock
from charlm.checkpoints.training_state import TrainingState
from charlm.config import ModelConfig, TrainConfig
from charlm.errors import ConfigError, CorpusError, ModelError
from charlm.files.atomic import parse_json, to_json
from charlm.files.tensors import pack, unpack
from charlm.plan import Plan, plan_from
from charlm.tasks.language import Dataset
from charlm.training.best import without
from charlm.training.distributed import Group
from charlm.training.learner import Learner
from charlm.training.run_folder import unfinished
from charlm.training.torchrun import launched


class Begun(NamedTuple):
    """A run that has not come to its end. Without a state that is whole it begins again, and the rest is None."""

    place: Path | None
    saved: TrainingState | None
    plan: Plan | None
    damaged: tuple[str, ...]  # what is wrong with the states that were passed over


def find_run(folder: Path) -> Begun | None:
    """The run for `folder`, or None where it has ended. Raises ModelInUseError while it is under way."""
    if not unfinished(folder) and is_model(folder):
        return None
    with lock(folder):
        finish_swap(folder)
        place = unfinished(folder)
        if place is None and is_model(folder):
            return None
        saved, damaged = training_state.newest(place) if place else (None, [])
        if place is None or saved is None:
            return Begun(None, None, None, tuple(damaged))
        try:
            plan = plan_from(saved.values.get("plan"), place / STEPS / str(saved.step))
        except ConfigError as error:
            raise ModelError(str(error)) from None
        return Begun(place, saved, plan, tuple(damaged))


def find_together(group: Group, folder: Path) -> Begun | None:
    """`find_run` by the first process; the others are sent the state, and have no place to write."""
    begun = find_run(folder) if group.first else None
    if not group.broadcast_float(begun is not None):
        return None
    saved = begun.saved if begun else None
    saved = send(group, saved) if group.broadcast_float(saved is not None) else None
    if begun:
        return begun
    place = Path("the state of the first process")
    return Begun(None, saved, plan_from(saved.values.get("plan"), place) if saved else None, ())


def send(group: Group, saved: TrainingState | None) -> TrainingState:
    """The state that the first process has, which need not have one."""
    if group.size == 1:
        assert saved
        return saved
    given = saved or TrainingState(0, {}, {})
    place = Path("the state of the first process")
    step, values = parse_json(place, group.broadcast_bytes(to_json([given.step, given.values])))
    return TrainingState(step, values, unpack(place, group.broadcast_bytes(pack(given.tensors, {})))[0])


def send_plan(group: Group, plan: Plan) -> Plan:
    """The plan of the first process."""
    place = Path("the plan of the first process")
    return (
        plan if group.size == 1 else plan_from(parse_json(place, group.broadcast_bytes(to_json(plan.to_json()))), place)
    )


def restarted(group: Group, folder: Path, overwrite: bool) -> bool:
    """Whether torchrun has begun this run again, so that it goes on without being told to.

    Each machine counts its own failures. A finished model that is there is the run's, or the one to be overwritten.
    """
    (restarts,) = group.all_reduce_max([launched().restarts])
    return restarts > 0 and bool(group.broadcast_float(unfinished(folder) is not None or not overwrite))


def check_agrees(plan: Plan, model: ModelConfig, config: TrainConfig) -> None:
    """Raise ConfigError where an option asks for something else than the plan of the run that goes on."""
    if model.vocabulary not in (None, plan.model.vocabulary):
        other = "was given another vocabulary; give that one by --tokenizer-file"
        own = "learned its vocabulary itself; leave --tokenizer-file out"
        raise ConfigError(
            f"the run that goes on {other if plan.model.vocabulary else own}, or start anew with --overwrite"
        )
    for asked, planned in ((model, plan.model), (config, plan.train)):
        for each in fields(asked):
            wanted, found = getattr(asked, each.name), getattr(planned, each.name)
            if wanted not in (each.default, "auto", found):
                name, mend = each.name.replace("_", "-"), "leave it out, or start anew with --overwrite"
                raise ConfigError(f"the run that goes on has --{name} {found}, not {wanted}; {mend}")


def check_state(saved: TrainingState, prepared: Dataset, plan: Plan) -> None:
    """Raise CorpusError where the text is another than that of the run, ModelError where the sizes are not its plan's.

    On the device that has no memory: a forged plan may describe a network that does not fit into any other.
    """
    found = prepared.sha256
    if saved.values.get("corpus") != found:
        raise CorpusError(
            f"the corpus has changed since the run began (SHA-256 {found}, then {saved.values.get('corpus')});"
            " put it back to go on, or start anew with --overwrite"
        )
    try:
        with torch.device("meta"):
            Learner(prepared.network(plan.model, torch.device("meta")), plan.train).restore(without(saved.tensors))
    except (TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"the state of step {saved.step} is not that of its plan: {error}") from None


def number(values: dict[str, Any], name: str) -> float:
    """A number among the values of a state. Raises KeyError, TypeError."""
    value = values[name]
    if type(value) not in (int, float):
        raise TypeError(f"{name} is {repr(value)[:30]}")
    return float(value)
