"""What `train` was given, checked: a source, configurations or a plan, and keywords that change them."""

import io
import os
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from charlm.arguments import checked_path, named
from charlm.config import BUDGETS, ModelConfig, TrainConfig
from charlm.data.corpus import Corpus
from charlm.data.sources import Source, is_text
from charlm.errors import ConfigError
from charlm.examples import LANGUAGE, Columns, columns_of
from charlm.examples.detection import detect
from charlm.model import Model
from charlm.plan import Plan, read_plan
from charlm.registry import names
from charlm.tasks import declared
from charlm.tokenizers import Tokenizer


class Given(NamedTuple):
    """The settings of a run. `plan` is None for a new run, and has the same two configurations otherwise.

    keywords: the settings that were given by name, also those with their default value. start: a loaded model to start
    from.
    """

    model: ModelConfig
    config: TrainConfig
    plan: Plan | None
    tokenizer: Tokenizer | None
    keywords: Mapping[str, Any]
    start: Model | None

    @property
    def task_is_open(self) -> bool:
        """Whether the data decides the task. A task with its default value counts as not given, unless by name."""
        given = self.keywords.get("task") not in (None, "auto")
        return self.model.task == "auto" or (self.model.task == ModelConfig.task and not given)


def settings(
    model: ModelConfig | None,
    config: TrainConfig | None,
    plan: Plan | str | Path | None,
    tokenizer: Tokenizer | str | None,
    start_from: Model | str | Path | None,
    keywords: Mapping[str, Any],
) -> Given:
    """Merge configurations, or those of a plan, with keywords, which win.

    Raises TypeError for an object of another class, ConfigError for settings that exclude each other.
    """
    _check_class("model", model, ModelConfig)
    _check_class("config", config, TrainConfig)
    if isinstance(plan, str | os.PathLike):
        plan = read_plan(Path(plan))
    elif not isinstance(plan, Plan | None):
        raise TypeError(f"train() takes a Plan, or the path of a plan.json, as plan, not {named(plan)}")
    if isinstance(tokenizer, str):
        keywords, tokenizer = {**keywords, "tokenizer": tokenizer}, None
    elif not isinstance(tokenizer, Tokenizer | None):
        raise TypeError(f"train() takes the name of a tokenizer, or a Tokenizer, as tokenizer, not {named(tokenizer)}")
    start = start_from if isinstance(start_from, Model) else None
    if start:
        keywords = {**keywords, "start_from": start.name or "a model in memory"}
    elif start_from is not None:
        keywords = {**keywords, "start_from": str(checked_path("start_from must be a model, or", start_from))}
    names = {field.name for field in fields(ModelConfig)}
    shape = {name: value for name, value in keywords.items() if name in names}
    run = {name: value for name, value in keywords.items() if name not in names}
    if plan is None:
        model, config = replace(model or ModelConfig(), **shape), replace(config or TrainConfig(), **run)
        return Given(model, config, None, tokenizer, keywords, start)
    for name, given, planned in (("model", model, plan.model), ("config", config, plan.train)):
        if given not in (None, planned):
            raise ConfigError(f"a plan has its own {name}; leave {name} out, and give keywords to change settings")
    if budgets := [name for name in BUDGETS if run.get(name) is not None]:
        raise ConfigError(f"a plan sets the number of steps; leave {budgets[0]} out")
    earlier = tuple(replace(each, train=replace(each.train, **run)) for each in plan.earlier)
    plan = replace(plan, model=replace(plan.model, **shape), train=replace(plan.train, **run), earlier=earlier)
    return Given(plan.model, plan.train, plan, tokenizer, keywords, start)


def checked_source(rule: str, source: object) -> Source:
    """Return a path, a list of paths, a text or a corpus.

    rule: the beginning of the message of the TypeError for anything else, such as "train() takes".
    """
    if isinstance(source, str | Corpus):
        return source
    if isinstance(source, os.PathLike):
        return checked_path(rule, source)
    expected = f"{rule} a path, a list of paths, or a text that contains a newline"
    if isinstance(source, bytes | bytearray | Mapping | io.IOBase) or not isinstance(source, Iterable):
        raise TypeError(f"{expected}, not {named(source)}")
    paths = list(source)
    for number, path in enumerate(paths, 1):
        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"{expected}, but item {number} of the list is {named(path)}")
        if isinstance(path, str) and "\n" in path and not os.path.lexists(path):
            raise TypeError(f"{expected}, but item {number} of the list is a text; join the texts to one")
    return [path if isinstance(path, str) else checked_path(rule, path) for path in paths]


def _check_class(name: str, value: object, expected: type) -> None:
    if isinstance(value, expected | None):
        return
    position = "second" if name == "model" else "third"
    other = {"ModelConfig": "model", "TrainConfig": "config", "Plan": "plan"}.get(named(value))
    hint = f"; give it as {other}=" if other else ""
    raise TypeError(f"train() takes a {expected.__name__} as {name}, its {position} argument, not {named(value)}{hint}")


def with_task(given: Given, model: ModelConfig, source: Source) -> ModelConfig:
    """Return the settings of a new run with the task that suits the data, and the tokenizer that suits the task.

    What was given stays as it is. Raises CorpusError as `chosen_task` does.
    """
    if given.task_is_open:
        model = replace(model, task=chosen_task(source, columns_of(model)))
    if "tokenizer" in given.keywords or given.tokenizer or model.tokenizer != ModelConfig.tokenizer:
        return model
    return replace(model, tokenizer=declared()[model.task].get("tokenizer", ModelConfig.tokenizer))


def chosen_task(source: Source, columns: Columns) -> str:
    """Return the name of the task that suits raw data; columns may decide it.

    Plain text is a language model. Raises CorpusError if a file may be read in two ways, or if files differ.
    """
    if is_text(source) or isinstance(source, Corpus):
        return LANGUAGE
    task = detect([source] if isinstance(source, str | Path) else list(source), columns=columns).task
    return task if task in names("tasks") else LANGUAGE
