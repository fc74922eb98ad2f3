"""Trials in a database: what is drawn, which are pruned, and how each of them ends."""

import multiprocessing
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import optuna
import pytest
import sqlalchemy

from charlm.config import ModelConfig, TrainConfig
from charlm.cost import Cost
from charlm.errors import CharlmError, ConfigError, CorpusError, CorpusNotFoundError, DivergenceError
from charlm.plan import Plan
from charlm.search import space as spaces
from charlm.search import study as studies
from charlm.search.events import TrialProgress
from charlm.search.history import Ending, History, Trial
from charlm.search.study import Store, Study
from charlm.search.trial import TrialFailed, objective
from charlm.search.varied import VARIED, varied
from charlm.training.events import Finished, Planned, Progress, Revised, Stopped, Validated

DEFAULTS = {"hidden_size": 256, "layers": 2, "learning_rate": 0.0078, "dropout": 0.0}
IDENTITY = {"corpus": "abc", "fixed": {"seed": 0}, "trial": {"minutes": 3.0}}


class Metrics(NamedTuple):
    """An evaluation of which only the cost matters."""

    cost: Cost


def opened(path: Path, identity: dict[str, Any] = IDENTITY) -> Study:
    space = spaces.to_json(spaces.space_around(DEFAULTS))
    return Store.in_file(path, "study").open(identity, space, DEFAULTS)


def event(kind: type, **values: Any) -> Any:
    """An event with some of its fields."""
    made = object.__new__(kind)
    for name, value in values.items():
        object.__setattr__(made, name, value)
    return made


def training(costs: Sequence[float], steps: int = 200) -> Callable[..., None]:
    """Return what trains in no time: its validations, at equal distances, have these costs."""
    plan = Plan(ModelConfig(), TrainConfig(learning_rate=0.01), steps, len(costs))

    def train(*, report: Callable[[Any], None], **settings: Any) -> None:
        report(event(Planned, plan=plan))
        best = min(costs)
        try:
            for number, cost in enumerate(costs, 1):
                step = steps * number // len(costs)
                report(event(Progress, step=step - 1, steps=steps, seconds_left=1.0))
                metrics = Metrics(Cost(cost, "bits per character"))
                report(event(Validated, progress=event(Progress, step=step), evaluation=metrics))
        finally:
            report(event(Finished, evaluation=Metrics(Cost(best, "bits per character"))))

    return train


def run(study: Study, train: Callable[..., None], report: Callable[[Any], None] = lambda event: None) -> Trial:
    """Run a trial, and return it."""
    space = spaces.from_json(study.space)
    number = study.run(lambda trial: objective(trial, space, train, report), TrialFailed)
    return study.history().trials[number]


def endings(history: History) -> list[Ending]:
    return [trial.ending for trial in history.trials]


def test_the_first_trial_has_the_defaults_and_the_others_vary_them(tmp_path: Path) -> None:
    study = opened(tmp_path / "a.db")
    first, second = run(study, training([2.0])), run(study, training([1.9]))
    assert first.settings == DEFAULTS and first.is_default and first.number == 0
    assert second.settings != DEFAULTS and not second.is_default
    assert second.figures == "1.9000 bits per character" and second.curve == ((1.0, 1.9),)
    history = study.history()
    assert history.best == second and history.default == first
    assert history.cost_name == "bits per character" and history.trial == {"minutes": 3.0}


def test_all_that_is_drawn_is_in_range_and_round(tmp_path: Path) -> None:
    study = opened(tmp_path / "a.db")
    for _ in range(9):
        run(study, training([2.0]))
    settings = [trial.settings for trial in study.history().trials]
    assert all(64 <= each["hidden_size"] <= 512 and each["hidden_size"] % 16 == 0 for each in settings)
    assert {each["layers"] for each in settings} == {1, 2, 3}
    assert all(0.0019 <= each["learning_rate"] <= 0.032 for each in settings)
    assert all(f"{each['learning_rate']:.2g}" == f"{each['learning_rate']:g}" for each in settings)
    assert all(0 <= each["dropout"] <= 0.5 and round(each["dropout"], 2) == each["dropout"] for each in settings)


def test_a_study_of_two_processes_draws_as_one_process_does(tmp_path: Path) -> None:
    """Each Store has its own connection and its own sampler, as a process has."""
    costs = [2.0, 1.9, 2.1, 1.8, 2.2, 1.7, 2.3]
    whole = opened(tmp_path / "whole.db")
    for cost in costs:
        run(whole, training([cost]))
    for number, cost in enumerate(costs):
        part = opened(tmp_path / "parts.db")
        assert run(part, training([cost])).number == number
    drawn = [[trial.settings for trial in each.history().trials] for each in (whole, part)]
    assert drawn[0] == drawn[1]
    other = opened(tmp_path / "other.db", {**IDENTITY, "fixed": {"seed": 1}})
    run(other, training([2.0])), run(other, training([2.0]))
    assert other.history().trials[1].settings != drawn[0][1]


def test_a_trial_that_is_worse_than_the_median_is_stopped(tmp_path: Path) -> None:
    """Four curves fall from 3.0; the fifth is judged at a quarter of its training, where their median is 2.575."""
    study = opened(tmp_path / "a.db")
    for cost in (1.0, 1.2, 1.4, 1.6):
        complete = run(study, training([3.0 - (3.0 - cost) * (n + 1) / 20 for n in range(20)]))
        assert complete.ending is Ending.COMPLETE and complete.cost == pytest.approx(cost)
    worse = run(study, training([2.9] * 20))
    assert worse.ending is Ending.PRUNED and len(worse.curve) == 5 and worse.curve[-1] == (0.25, 2.9)
    assert worse.cost == 2.9, "the lowest so far"
    better = run(study, training([2.4 - 1.9 * n / 20 for n in range(20)]))
    assert better.ending is Ending.COMPLETE
    assert study.history().best is not None and study.history().best == better


def test_trials_that_validate_at_other_points_are_compared_between_them(tmp_path: Path) -> None:
    """Curves with 20, 7 and 4 points; at a quarter, the one with 3 points has none yet and is judged at a third."""
    study = opened(tmp_path / "a.db")
    for points in (20, 7, 4, 7):
        assert run(study, training([2.0 - n / 100 for n in range(points)])).ending is Ending.COMPLETE
    worse = run(study, training([2.5, 2.5, 2.5]))
    assert worse.ending is Ending.PRUNED and [share for share, _ in worse.curve] == [66 / 200]


def test_the_defaults_are_never_pruned(tmp_path: Path) -> None:
    """They may run again after others, if they were stopped."""
    study = opened(tmp_path / "a.db")

    def stop(**settings: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(study, stop)
    for _ in range(4):
        run(study, training([2.0] * 20))
    again = opened(tmp_path / "a.db")
    defaults = run(again, training([3.0] * 20))
    assert defaults.is_default and defaults.ending is Ending.COMPLETE
    assert endings(again.history()) == [Ending.STOPPED, *[Ending.COMPLETE] * 5]
    opened(tmp_path / "a.db")
    assert not run(again, training([2.0])).is_default, "they are complete now"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DivergenceError("the loss is not finite"), "the loss is not finite"),
        (CorpusError("the vocabulary is too small"), "the vocabulary is too small"),
        (MemoryError(), "there is not enough memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "there is not enough memory"),
    ],
)
def test_a_trial_that_fails_is_counted_and_the_study_goes_on(tmp_path: Path, error: Exception, reason: str) -> None:
    def fail(**settings: Any) -> None:
        raise error

    study = opened(tmp_path / "a.db")
    run(study, training([2.0]))
    failed = run(study, fail)
    assert (failed.ending, failed.reason) == (Ending.FAILED, reason)
    assert run(study, training([1.9])).ending is Ending.COMPLETE


@pytest.mark.parametrize("error", [CorpusNotFoundError("there is no file x"), ValueError("a mistake of charlm")])
def test_what_concerns_all_trials_ends_the_search(tmp_path: Path, error: Exception) -> None:
    def fail(**settings: Any) -> None:
        raise error

    study = opened(tmp_path / "a.db")
    run(study, training([2.0]))
    with pytest.raises(type(error), match=str(error)):
        run(study, fail)


def test_settings_that_fail_as_defaults_end_the_search_but_a_divergence_does_not(tmp_path: Path) -> None:
    def fail(error: Exception) -> Callable[..., None]:
        def train(**settings: Any) -> None:
            raise error

        return train

    with pytest.raises(CorpusError, match="too short"):
        run(opened(tmp_path / "a.db"), fail(CorpusError("the corpus is too short")))
    diverged = run(opened(tmp_path / "b.db"), fail(DivergenceError("the loss is not finite")))
    assert diverged.ending is Ending.FAILED and diverged.is_default


def test_a_figure_that_is_not_finite_is_a_failure(tmp_path: Path) -> None:
    failed = run(opened(tmp_path / "a.db"), training([float("nan")]))
    assert (failed.ending, failed.reason) == (Ending.FAILED, "the held-out part has no finite figure")


def test_the_share_follows_a_plan_that_is_revised(tmp_path: Path) -> None:
    """At step 50 of 200 the plan is cut to 100 steps: step 75 is half of what was left."""
    shares: list[float] = []

    def train(*, report: Callable[[Any], None], **settings: Any) -> None:
        report(event(Planned, plan=Plan(ModelConfig(), TrainConfig(learning_rate=0.01), 200, 1)))
        report(event(Progress, step=50, steps=200, seconds_left=1.0))
        report(event(Revised, at=50, steps=100))
        report(event(Progress, step=75, steps=100, seconds_left=1.0))
        training([2.0])(report=report)

    def report(each: Any) -> None:
        if isinstance(each, TrialProgress):
            shares.append(each.share)

    run(opened(tmp_path / "a.db"), train, report)
    assert shares[:2] == [0.25, 0.25 + 0.75 / 2]


def test_a_trial_whose_process_was_killed_is_lost_and_its_time_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fork of this process could inherit a lock of SQLite that the thread of an earlier test holds."""
    monkeypatch.setattr(studies, "_SILENCE", 1)
    child = multiprocessing.get_context("spawn").Process(target=_run_and_die, args=(tmp_path / "a.db",))
    child.start()
    child.join()
    study = opened(tmp_path / "a.db")
    assert endings(study.history()) == [Ending.RUNNING]
    time.sleep(2.5)  # the clock of the database has whole seconds
    lost = study.history().trials[0]
    assert (lost.ending, lost.seconds) == (Ending.LOST, 41.0)
    again = run(opened(tmp_path / "a.db"), training([2.0]))
    assert again.is_default and again.ending is Ending.COMPLETE


def _run_and_die(path: Path) -> None:
    studies._HEARTBEAT = 1
    opened(path).run(_dies, TrialFailed)


def _dies(trial: optuna.Trial) -> float:
    trial.set_user_attr(studies.RECORD, {"seconds": 41.0})
    time.sleep(0.3)  # the first sign of life
    os._exit(1)


def test_what_mattered_is_known_from_eight_complete_trials_on(tmp_path: Path) -> None:
    """The cost is that of the dropout alone."""
    study = opened(tmp_path / "a.db")
    for number in range(10):
        assert bool(study.history().importance) == (number >= 8)

        def train(*, report: Callable[[Any], None], dropout: float, **settings: Any) -> None:
            training([2.0 + dropout])(report=report)

        run(study, train)
    importance = study.history().importance
    assert sum(importance.values()) == pytest.approx(1)
    assert max(importance, key=lambda name: importance[name]) == "dropout"


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"corpus": "xyz"}, "is about another corpus or another held-out part"),
        ({"fixed": {"seed": 0, "cell": "lstm"}}, "was begun with cell as by default and not lstm"),
        ({"fixed": {"seed": 7}}, "was begun with seed 0 and not 7"),
        ({"trial": {"steps": 9}}, "has 3 minutes and not 9 steps"),
    ],
)
def test_a_study_that_was_begun_otherwise_is_refused(tmp_path: Path, changed: dict[str, Any], problem: str) -> None:
    opened(tmp_path / "a.db")
    with pytest.raises(ConfigError, match=problem):
        opened(tmp_path / "a.db", {**IDENTITY, **changed})


def test_a_study_of_another_program_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    study = optuna.create_study(study_name="study", storage=url)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    with pytest.raises(ConfigError, match="is not one of charlm search"):
        Store(url, "study").read()


def test_a_file_that_is_not_a_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("not a database, but a text of some length\n" * 100)
    with pytest.raises(CharlmError, match=r"a.db cannot be used: file is not a database"):
        Store.in_file(tmp_path / "a.db", "study").read()
    with pytest.raises(CharlmError, match=r"cannot be used: unable to open database file"):
        Store(f"sqlite:///{tmp_path}", "study").open(IDENTITY, {}, DEFAULTS)


def test_a_url_is_checked_and_its_password_is_not_shown() -> None:
    with pytest.raises(ConfigError, match="is not the URL of a database, such as sqlite"):
        Store("studies", "study")
    assert Store("postgresql://ann:secret@host/trials", "study").shown == "postgresql://ann:***@host/trials"
    with pytest.raises(ConfigError, match="because of the question mark"):
        Store.in_file(Path("what?.db"), "study")


def test_names_with_signs_of_templates_are_names(tmp_path: Path) -> None:
    run(opened(tmp_path / "{SCHEMA_VERSION} 100%.db"), training([2.0]))
    assert (tmp_path / "{SCHEMA_VERSION} 100%.db").is_file()


def test_a_setting_that_is_given_is_not_varied() -> None:
    model, config = ModelConfig(), TrainConfig()
    assert varied(model, config, (), False) == VARIED
    assert varied(ModelConfig(layers=1, dropout=0.0), config, ("layers", "dropout"), False) == (
        "hidden_size",
        "learning_rate",
        "tokenizer",
    )
    assert "tokenizer" not in varied(model, config, ("tokenizer",), False)
    assert "tokenizer" not in varied(model, config, ("min_count",), False)
    assert "tokenizer" not in varied(model, config, (), True)
    assert "tokenizer" not in varied(ModelConfig(task="classify"), config, (), False)
    assert varied(model, TrainConfig(start_from="other"), (), False) == ("learning_rate", "dropout")
    tied = ModelConfig(tie_weights=True, embedding_size=32)
    assert "hidden_size" not in varied(tied, config, ("embedding_size",), False)
    with pytest.raises(ConfigError, match="no setting is left to vary"):
        varied(model, config, VARIED, False)


@pytest.mark.parametrize("statement", range(1, 40, 3))
def test_a_signal_during_a_request_leaves_the_database_unlocked(tmp_path: Path, statement: int) -> None:
    """The signal arrives before a statement of SQL, at which an exception would leave a transaction open."""
    path, sent = tmp_path / "a.db", []
    study = opened(path)

    def send(*request: Any) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # a sign of life
        sent.append(request)
        if len(sent) == statement:
            signal.raise_signal(signal.SIGINT)

    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", send)
    try:
        with pytest.raises(KeyboardInterrupt):
            while True:
                run(study, training([2.0, 1.9]))
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", send)
    with sqlite3.connect(path, timeout=5) as other:
        other.execute("BEGIN EXCLUSIVE")
    assert Ending.RUNNING not in endings(study.history())


def test_a_signal_while_a_trial_is_pruned_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def prune(trial: optuna.Trial) -> bool:
        signal.raise_signal(signal.SIGINT)
        return True

    study = opened(tmp_path / "a.db")
    run(study, training([2.0]))  # the trial with the defaults is never pruned
    monkeypatch.setattr(optuna.Trial, "should_prune", prune)
    with pytest.raises(KeyboardInterrupt):
        run(study, training([2.0, 1.9]))
    assert endings(study.history()) == [Ending.COMPLETE, Ending.STOPPED]


def test_a_trial_that_is_stopped_is_not_pruned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training validates once more before it stops."""
    study = opened(tmp_path / "a.db")
    run(study, training([2.0]))
    monkeypatch.setattr(optuna.Trial, "should_prune", lambda trial: True)

    def stopped(*, report: Callable[[Any], None], **settings: Any) -> None:
        try:
            raise KeyboardInterrupt
        finally:
            report(event(Stopped))
            training([2.0, 1.9])(report=report)

    with pytest.raises(KeyboardInterrupt):
        run(study, stopped)
    assert endings(study.history()) == [Ending.COMPLETE, Ending.STOPPED]
