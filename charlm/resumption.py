"""A run that was cut short, taken up again: what is left of it, and whether it is the one that is asked for."""

from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from charlm import steps
from charlm.checkpoint import is_model
from charlm.config import ModelConfig, TrainConfig
from charlm.errors import ConfigError, CorpusError, ModelError
from charlm.planning import Plan, plan_from
from charlm.run_folder import unfinished
from charlm.steps import Saved
from charlm.storage import STEPS, finish_publishing, lock


class Begun(NamedTuple):
    """A run that has not come to its end. Without a state that is whole it begins again, and the rest is None."""

    place: Path | None
    saved: Saved | None
    plan: Plan | None
    damaged: tuple[str, ...]  # what is wrong with the states that were passed over


def find_run(folder: Path) -> Begun | None:
    """The run for `folder`, or None where it has ended. Raises ModelInUseError while it is under way."""
    if not unfinished(folder) and is_model(folder):
        return None
    with lock(folder):
        finish_publishing(folder)
        place = unfinished(folder)
        if place is None and is_model(folder):
            return None
        saved, damaged = steps.newest(place) if place else (None, [])
        if place is None or saved is None:
            return Begun(None, None, None, tuple(damaged))
        try:
            plan = plan_from(saved.values.get("plan"), place / STEPS / str(saved.step))
        except ConfigError as error:
            raise ModelError(str(error)) from None
        return Begun(place, saved, plan, tuple(damaged))


def check_agrees(plan: Plan, model: ModelConfig, config: TrainConfig) -> None:
    """Raise ConfigError where an option asks for something else than the plan of the run that goes on."""
    for asked, planned in ((model, plan.model), (config, plan.train)):
        for each in fields(asked):
            wanted, found = getattr(asked, each.name), getattr(planned, each.name)
            if wanted not in (each.default, "auto", found):
                name = each.name.replace("_", "-")
                mend = "leave it out, or start anew with --overwrite"
                raise ConfigError(f"the run that goes on has --{name} {found}, not {wanted}; {mend}")


def check_corpus(saved: Saved, found: str) -> None:
    """Raise CorpusError where the text, by its fingerprint, is not the one the run began with."""
    if saved.values.get("corpus") != found:
        raise CorpusError(
            f"the corpus has changed since the run began (SHA-256 {found}, then {saved.values.get('corpus')});"
            " put it back to go on, or start anew with --overwrite"
        )


def number(values: dict[str, Any], name: str) -> float:
    """A number among the values of a state. Raises KeyError, TypeError."""
    value = values[name]
    if type(value) not in (int, float):
        raise TypeError(f"{name} is {repr(value)[:30]}")
    return float(value)
