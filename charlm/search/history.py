"""The trials of a search so far: how each ended, what it cost, and which settings mattered."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Ending(StrEnum):
    """How a trial ended. A member equals its name in JSON."""

    COMPLETE = "complete"
    PRUNED = "pruned"  # stopped, because its validation curve was worse than the median of the others
    FAILED = "failed"  # the loss diverged, the memory did not suffice, or the settings do not fit the data
    STOPPED = "stopped"  # by Ctrl-C or another signal
    LOST = "lost"  # its process ended without a report
    RUNNING = "running"  # in this process or another one


@dataclass(frozen=True)
class Trial:
    """One training of a search.

    number: counted from 0. settings: the values of the varied settings. is_default: whether they are those that a
    training without a search chooses. cost: of the kept network, or the lowest before the trial ended; NaN for none.
    figures: the same in words. seconds: the time that it took. curve: (share of the training, cost) after each
    validation. reason: why it failed.
    """

    number: int
    ending: Ending
    settings: Mapping[str, Any]
    is_default: bool
    cost: float
    figures: str
    seconds: float
    curve: Sequence[tuple[float, float]] = ()
    reason: str = ""


@dataclass(frozen=True)
class History:
    """All trials of a study, in their order.

    cost_name: what the cost is, such as bits per character. trial: the budget of a trial, a setting of TrainConfig with
    its value. importance: how much each varied setting distinguishes the best trials from the others, as a share
    (PED-ANOVA, Watanabe et al. 2023); empty for too few trials.
    """

    trials: Sequence[Trial]
    cost_name: str
    trial: Mapping[str, Any]
    importance: Mapping[str, float] = field(default_factory=dict)

    def count(self, *endings: Ending) -> int:
        """Return the number of trials with this ending."""
        return sum(trial.ending in endings for trial in self.trials)

    @property
    def best(self) -> Trial | None:
        """The complete trial with the lowest cost, the earlier one of two; None before the first."""
        complete = (trial for trial in self.trials if trial.ending is Ending.COMPLETE and math.isfinite(trial.cost))
        return min(complete, key=lambda trial: trial.cost, default=None)

    @property
    def default(self) -> Trial | None:
        """The trial with the default settings, if it is complete."""
        return next((trial for trial in self.trials if trial.is_default and trial.ending is Ending.COMPLETE), None)

    @property
    def seconds(self) -> float:
        """The time of all trials together, on all machines."""
        return sum(trial.seconds for trial in self.trials)
