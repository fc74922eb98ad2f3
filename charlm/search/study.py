"""A study: the trials of a search in a database, which several processes and machines may share.

Optuna stores them through SQLAlchemy. charlm adds attributes in JSON to a study and to its trials.
"""

import logging
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning, OptunaError, TrialPruned
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.pruners import MedianPruner
from optuna.storages import RDBStorage, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState
from optuna.trial import Trial as OptunaTrial
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from charlm.errors import CharlmError, ConfigError
from charlm.interrupts import uninterrupted
from charlm.search.history import Ending, History, Trial
from charlm.search.sampler import SeededSampler
from charlm.wording import listed

POINTS = 20  # of a validation curve, at which trials are compared
_BEFORE_PRUNING = 4  # trials that are complete
_AT_A_POINT = 3  # complete trials whose curve has the same point
_UNJUDGED = POINTS // 4  # points of a curve before the first comparison
_HEARTBEAT, _SILENCE = 20, 90  # seconds: between two signs of life, and after which a trial counts as lost
_WAIT = 10.0  # seconds for another process that has just created the study
_TWICE = ("already exists", "duplicate key")  # in the errors of databases
_BUSY = 60  # seconds for another process that writes to the same file
_ENOUGH = 8  # complete trials, to say what mattered
_BEST_SHARE = 0.25  # of the trials, which are compared with the others
_IDENTITY, _SPACE = "charlm", "space"  # attributes of a study
DEFAULT = "default"  # the attribute of a trial with the default settings
RECORD = "charlm"  # the attribute of a trial that has what is known of it
_STATES = {TrialState.COMPLETE: Ending.COMPLETE, TrialState.PRUNED: Ending.PRUNED, TrialState.RUNNING: Ending.RUNNING}


class Store:
    """Where a study is stored: a database, and the name of the study in it.

    url: in the form of SQLAlchemy. `shown` is the database in messages: its file, or the URL without the password.
    """

    def __init__(self, url: str, name: str) -> None:
        self.name, self._url = name, url
        try:
            parsed = make_url(url)
        except (ArgumentError, ValueError):
            example = "such as sqlite:///studies.db or postgresql://USER@HOST/DATABASE"
            raise ConfigError(f"the storage {url[:60]!r} is not the URL of a database, {example}") from None
        in_file = parsed.get_backend_name() == "sqlite" and parsed.database
        self._file = Path(parsed.database) if in_file and parsed.database else None
        self.shown = str(self._file or parsed.render_as_string(hide_password=True))

    @classmethod
    def in_file(cls, path: Path, name: str) -> "Store":
        """Return a store in a SQLite file. Raises ConfigError for a name that no URL can have."""
        if "?" in str(path):
            raise ConfigError(f"no study can be stored in {path}, because of the question mark; choose another name")
        return cls(f"sqlite:///{path}", name)

    def read(self) -> dict[str, Any] | None:
        """Return the identity of the study, or None if it does not exist yet."""
        if self._file and not self._file.exists():
            return None
        with _sentences(self.shown, opening=True):
            try:
                study = optuna.load_study(study_name=self.name, storage=self._storage())
            except KeyError:
                return None
            identity: dict[str, Any] = self._attributes(study)[_IDENTITY]
            return identity

    def open(self, identity: Mapping[str, Any], space: Mapping[str, Any], first: Mapping[str, Any]) -> "Study":
        """Open the study, or create it.

        identity: what all its trials have in common. Raises ConfigError for a study with another identity. space: the
        ranges of a new study. first: the parameters of its first trial.
        """
        if self._file:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        with _sentences(self.shown, opening=True):
            storage = self._storage()
            sampler = SeededSampler(identity["fixed"]["seed"])
            pruner = MedianPruner(n_startup_trials=_BEFORE_PRUNING, n_warmup_steps=_UNJUDGED, n_min_trials=_AT_A_POINT)
            try:
                study = optuna.create_study(
                    study_name=self.name, storage=storage, sampler=sampler, pruner=pruner, direction="minimize"
                )
                study.set_user_attr(_SPACE, space)
                study.set_user_attr(_IDENTITY, identity)
            except DuplicatedStudyError:
                study = optuna.load_study(study_name=self.name, storage=storage, sampler=sampler, pruner=pruner)
            attributes = self._attributes(study)
            self._check(attributes[_IDENTITY], identity)
            opened = Study(study, storage, self.shown)
            opened.require(first)
            return opened

    def _storage(self) -> RDBStorage:
        optuna.logging.disable_default_handler()  # it prints, and without another one Python would
        logging.getLogger(optuna.__name__).addHandler(logging.NullHandler())
        wait = {"connect_args": {"timeout": _BUSY}} if self._file else {}
        url = self._url.replace("{", "{{").replace("}", "}}")  # Optuna fills in a template
        until = time.monotonic() + _WAIT
        while True:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ExperimentalWarning)
                    return RDBStorage(url, engine_kwargs=wait, heartbeat_interval=_HEARTBEAT, grace_period=_SILENCE)
            except SQLAlchemyError as error:  # another process creates the same tables
                if not any(sign in str(error) for sign in _TWICE) or time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def _attributes(self, study: optuna.Study) -> dict[str, Any]:
        """Return the attributes of a study; another process may be writing them. Raises ConfigError."""
        until = time.monotonic() + _WAIT
        while _IDENTITY not in (attributes := study.user_attrs):
            if study.trials or time.monotonic() > until:
                foreign = f"the study {self.name} in {self.shown} is not one of charlm search"
                raise ConfigError(foreign, remedy="other_study")
            time.sleep(0.1)
        return attributes

    def _check(self, stored: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
        if stored.get("corpus") != identity["corpus"]:
            other = f"the study {self.name} in {self.shown} is about another corpus or another held-out part"
            raise ConfigError(other, remedy="other_study")
        before, now = stored["fixed"], identity["fixed"]
        differ = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        if stored["trial"] != identity["trial"]:
            both = [f"{value:g} {name}" for each in (stored, identity) for name, value in each["trial"].items()]
            raise ConfigError(f"a trial of the study {self.name} has {' and not '.join(both)}", remedy="other_study")
        if differ:
            words = [f"{name} {_value(before.get(name))} and not {_value(now.get(name))}" for name in differ]
            raise ConfigError(f"the study {self.name} was begun with {listed(words)}", remedy="other_study")


@contextmanager
def _sentences(shown: str, *, opening: bool = False) -> Iterator[None]:
    """Turn the errors of a database into sentences. opening: errors of any library count as such."""
    try:
        yield
    except (SQLAlchemyError, OptunaError, ImportError, RuntimeError) as error:
        if not (opening or isinstance(error, SQLAlchemyError | OptunaError)):
            raise
        cause = error.__cause__ if isinstance(error, ImportError) else None
        if isinstance(cause, ModuleNotFoundError):
            missing = f"{shown} needs the Python module {cause.name}, the driver of this kind of database"
            raise ConfigError(f"{missing}, which is not installed; install it with pip") from None
        raise CharlmError(f"the study in {shown} cannot be used: {_cause(error)}") from None


def _value(value: Any) -> str:
    return "as by default" if value is None else str(value)


def _cause(error: BaseException) -> str:
    """Return the first line of the error of a database."""
    cause = error.__cause__ if isinstance(error, OptunaError) and error.__cause__ else error
    return str(getattr(cause, "orig", None) or cause).strip().partition("\n")[0]


class Study:
    """An open study. `space` are the ranges that it stores, as plain values; `shown` is its database in messages."""

    def __init__(self, study: optuna.Study, storage: RDBStorage, shown: str) -> None:
        attributes = study.user_attrs
        self.space: Mapping[str, Any] = attributes[_SPACE]
        self._of_a_trial: Mapping[str, Any] = attributes[_IDENTITY]["trial"]
        self._study, self._storage, self._shown = study, storage, shown

    def require(self, parameters: Mapping[str, Any]) -> None:
        """Let the next trial have the default parameters, unless a trial with them has ended, runs or waits."""
        states = {Ending.COMPLETE, Ending.FAILED, Ending.RUNNING, None}
        tried = (_ending(each) for each in self._study.get_trials(deepcopy=False) if each.user_attrs.get(DEFAULT))
        if not states & set(tried):
            self._study.enqueue_trial(dict(parameters), user_attrs={DEFAULT: True})

    def run(self, objective: Callable[[OptunaTrial], float], failures: type[Exception]) -> int:
        """Run one trial, and return its number; `failures` are the errors of the objective that end only this trial."""
        with _sentences(self._shown), self._begun() as trial, self._alive(trial):
            try:
                cost = objective(trial)
            except TrialPruned:
                self._end(trial, TrialState.PRUNED)
            except failures:
                self._end(trial, TrialState.FAIL)
            else:
                self._end(trial, TrialState.COMPLETE, cost)
            return trial.number

    @contextmanager
    def _begun(self) -> Iterator[OptunaTrial]:
        """Begin a trial. If the context ends before the trial does, as when a signal arrives, the trial has failed."""
        trial: OptunaTrial | None = None
        try:
            with uninterrupted(), warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # that only `optimize` gives signs of life
                trial = self._study.ask()
            yield trial
        finally:
            if trial:
                self._end(trial, TrialState.FAIL)

    def _end(self, trial: OptunaTrial, state: TrialState, cost: float | None = None) -> None:
        """Store how a trial ended, unless that is stored already."""
        with uninterrupted():
            self._study.tell(trial, cost, state=state, skip_if_finished=True)

    @contextmanager
    def _alive(self, trial: OptunaTrial) -> Iterator[None]:
        """Give signs of life of a trial.

        Optuna's own thread for them keeps the process from ending if a signal arrives while it starts.
        """
        ended = threading.Event()

        def beat() -> None:
            while True:
                with suppress(SQLAlchemyError, OptunaError):  # the next sign may succeed
                    self._storage.record_heartbeat(trial._trial_id)
                if ended.wait(_HEARTBEAT):
                    return

        threading.Thread(target=beat, daemon=True).start()
        try:
            yield
        finally:
            ended.set()

    def history(self) -> History:
        """Return the trials so far. Trials whose process has been silent for too long count as lost from now on."""
        with _sentences(self._shown), uninterrupted(), warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            fail_stale_trials(self._study)
            stored = self._study.get_trials(deepcopy=False)
            trials = [_trial(each, ending) for each in stored if (ending := _ending(each))]
            names = (each.user_attrs.get(RECORD, {}).get("cost_name") for each in stored)
            return History(trials, next(filter(None, names), ""), self._of_a_trial, self._importance(trials))

    def _importance(self, trials: list[Trial]) -> dict[str, float]:
        if sum(trial.ending is Ending.COMPLETE for trial in trials) < _ENOUGH:
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of too few trials
            evaluator = PedAnovaImportanceEvaluator(target_quantile=_BEST_SHARE)
            return get_param_importances(self._study, evaluator=evaluator)


def _ending(trial: FrozenTrial) -> Ending | None:
    """Return how a trial ended; None if it waits."""
    if trial.state == TrialState.FAIL:
        return Ending(trial.user_attrs.get(RECORD, {}).get("ended", Ending.LOST))
    return _STATES.get(trial.state)


def _trial(trial: FrozenTrial, ending: Ending) -> Trial:
    values = trial.user_attrs.get(RECORD, {})
    return Trial(
        number=trial.number,
        ending=ending,
        settings=values.get("settings", {}),
        is_default=trial.user_attrs.get(DEFAULT, False),
        cost=values.get("cost", float("nan")),
        figures=values.get("figures", ""),
        seconds=values.get("seconds", 0.0),
        curve=tuple((share, cost) for share, cost in values.get("curve", ())),
        reason=values.get("reason", ""),
    )
