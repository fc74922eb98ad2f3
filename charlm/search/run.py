"""Search for settings: open the study, and train trial after trial until the budget is used."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from charlm.config import BUDGETS
from charlm.data.sources import Source, check_inputs
from charlm.errors import CharlmError, ConfigError
from charlm.search import space as spaces
from charlm.search.budget import Budget
from charlm.search.events import Interrupted, Prepared, Report, TrialEnded
from charlm.search.history import Ending, History
from charlm.search.study import Store, Study
from charlm.search.trial import TrialFailed, objective
from charlm.search.varied import defaults, varied
from charlm.tokenizers import Tokenizer
from charlm.training.events import Event, Planned
from charlm.training.given import settings as given_settings
from charlm.training.given import with_task
from charlm.training.torchrun import launched
from charlm.training.train import train

# Settings that may differ between the machines of a study.
_OWN = {"device", "threads", "save_every", *BUDGETS}


class _PlanMade(Exception):
    """Ends a training when its plan is made."""


def search(
    source: Source,
    store: Store,
    budget: Budget,
    *,
    given: Mapping[str, Any],
    valid: Source | None = None,
    vocabulary: Tokenizer | None = None,
    trial_minutes: float | None = None,
    report: Report,
) -> History:
    """Continue the study in the store until the budget is used, and return all its trials.

    source, valid: as in `train`. given: the settings that the user fixes, as keywords of `train`; `steps` or `epochs`
    end a trial in place of its minutes. vocabulary: used unchanged. trial_minutes: the time of a trial; None: that of
    the study, or for a new study a twentieth of the time. report: receives the events.

    The first trial has the default settings, is never pruned, and is repeated if it was stopped.

    Raises ConfigError, CorpusError as `train` does; ConfigError for a study that began with other settings; CharlmError
    for a database that cannot be used. A KeyboardInterrupt ends the running trial; the study keeps all others.
    """
    if launched().world_size > 1:
        raise ConfigError("a search trains in one process; to share a study, start one search on each machine")
    asked = given_settings(None, None, None, vocabulary, None, given)
    check_inputs(source, asked.model, asked.config, valid)
    model = with_task(asked, asked.model, source)
    names = varied(model, asked.config, given, vocabulary is not None)
    stored = store.read()
    of_a_trial = budget.trial(asked.config, trial_minutes, stored and stored["trial"])
    fixed = {name: value for name, value in given.items() if name not in BUDGETS} | of_a_trial
    train_trial = partial(_train, source, valid, vocabulary, fixed)
    planned = _plan(train_trial, report)
    first = defaults(planned.plan, names)
    study = store.open(_identity(planned, given, of_a_trial), spaces.to_json(spaces.space_around(first)), first)
    space = spaces.from_json(study.space)
    history = study.history()
    report(Prepared(planned, spaces.in_words(space), of_a_trial, history))
    return _go_on(study, history, budget, 60 * of_a_trial.get("minutes", 0.0), space, train_trial, report)


def _go_on(
    study: Study,
    history: History,
    budget: Budget,
    trial_seconds: float,
    space: spaces.Space,
    train_trial: Any,
    report: Report,
) -> History:
    run = partial(objective, space=space, train=train_trial, report=report)
    try:
        while budget.allows(history, trial_seconds):
            number = study.run(run, TrialFailed)
            history = study.history()
            report(TrialEnded(number, history))
    except KeyboardInterrupt:
        report(Interrupted(study.history()))
        raise
    failed = [trial for trial in history.trials if trial.ending is Ending.FAILED]
    if history.best is None and failed:
        raise CharlmError(f"no trial is complete, and {len(failed):,} failed; the last one: {failed[-1].reason}")
    return history


def _train(
    source: Source,
    valid: Source | None,
    vocabulary: Tokenizer | None,
    fixed: Mapping[str, Any],
    *,
    report: Any,
    **settings: Any,
) -> None:
    keywords = {**fixed, **settings}
    tokenizer = vocabulary or keywords.pop("tokenizer", None)
    train(source, valid=valid, tokenizer=tokenizer, report=report, **keywords)


def _plan(train_trial: Any, report: Report) -> Planned:
    """Return the plan of a trial with the default settings, without training."""
    made: list[Planned] = []

    def stop_at_plan(event: Event) -> None:
        if isinstance(event, Planned):
            made.append(event)
            raise _PlanMade
        report(event)

    try:
        train_trial(report=stop_at_plan)
    except _PlanMade:
        return made[0]
    except ConfigError as error:
        if error.remedy != "too_little_time":
            raise
        raise ConfigError(str(error), remedy="too_little_trial_time", **error.fields) from None
    raise AssertionError("a training always reports its plan")


def _identity(planned: Planned, given: Mapping[str, Any], trial: Mapping[str, Any]) -> dict[str, Any]:
    """Return what all trials of a study have in common, as plain values."""
    plan = planned.plan
    fixed = {name: value for name, value in given.items() if name not in _OWN}
    fixed |= {"task": plan.model.task, "vocabulary": plan.model.vocabulary, "seed": plan.train.seed}
    return {"corpus": planned.sha256, "fixed": fixed, "trial": dict(trial)}
