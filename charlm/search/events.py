"""The events that a search reports. The library reports them; the caller decides how to show them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from charlm.search.history import History, Trial
from charlm.training.events import Event as TrainingEvent
from charlm.training.events import Planned


@dataclass(frozen=True)
class Prepared:
    """The study is open, and the first trial may begin.

    defaults: what a training without a search would do. ranges: of the varied settings, in words. trial: the budget of
    a trial. history: the trials that the study has already.
    """

    defaults: Planned
    ranges: Mapping[str, str]
    trial: Mapping[str, Any]
    history: History


@dataclass(frozen=True)
class TrialBegan:
    """A trial begins."""

    trial: Trial


@dataclass(frozen=True)
class TrialProgress:
    """Where a trial is; reported several times a second. share: of its training."""

    number: int
    share: float
    figures: str
    seconds_left: float


@dataclass(frozen=True)
class TrialEnded:
    """A trial has ended, in whichever way. history: with this trial."""

    number: int
    history: History

    @property
    def trial(self) -> Trial:
        """The trial that has ended."""
        return next(trial for trial in self.history.trials if trial.number == self.number)

    @property
    def is_best(self) -> bool:
        """Whether it is the best of all trials so far."""
        return self.history.best is not None and self.history.best.number == self.number


@dataclass(frozen=True)
class Interrupted:
    """The search was asked to stop. history: with the trial that was stopped."""

    history: History


Event = TrainingEvent | Prepared | TrialBegan | TrialProgress | TrialEnded | Interrupted
Report = Callable[[Event], None]
