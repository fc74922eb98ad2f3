"""How long a search goes on, and how long each of its trials trains."""

from dataclasses import dataclass
from typing import Any

from charlm.config import TrainConfig
from charlm.errors import ConfigError
from charlm.search.history import Ending, History
from charlm.settings import Settings, check_count, check_range

DEFAULT_MINUTES = 60.0
SHARE = 20  # trials that fit into the time, if none is pruned
_LEAST_OF_A_TRIAL = 0.9  # share of its time that must be left when it begins
_COUNTED = (Ending.COMPLETE, Ending.PRUNED, Ending.FAILED, Ending.RUNNING)


@dataclass(frozen=True, repr=False)
class Budget(Settings):
    """The end of a search: minutes of all trials of the study together, on all machines, or a number of trials.

    If a trial was pruned, failed or stopped, only the time that it used counts. A stopped trial does not add to the
    number of trials. Without both limits, the time is an hour. Raises ConfigError for a value outside its bounds.
    """

    minutes: float | None = None
    trials: int | None = None

    def _check(self) -> None:
        check_range("minutes", self.minutes, 0, 1_000_000, open_low=True)
        check_count("trials", self.trials, 1, 1_000_000)
        if self.minutes is None and self.trials is None:
            object.__setattr__(self, "minutes", DEFAULT_MINUTES)

    def trial(self, given: TrainConfig, minutes: float | None, stored: dict[str, Any] | None) -> dict[str, Any]:
        """Return the budget of a trial: one setting of TrainConfig with its value.

        given: what the user has fixed, perhaps the steps. minutes: what the user asked for. stored: the budget of the
        trials so far. Raises ConfigError for two budgets, or for a trial longer than the search.
        """
        check_range("trial_minutes", minutes, 0, 1_000_000, open_low=True)
        fixed = {name: value for name in ("steps", "epochs") if (value := getattr(given, name)) is not None}
        if fixed:
            if minutes is not None:
                raise ConfigError(f"give {' and '.join(fixed)} or trial_minutes, not both: each ends a trial")
            return fixed
        if minutes is None:
            if stored is not None:
                return stored
            minutes = self.minutes / SHARE if self.minutes else given.DEFAULT_MINUTES
        if self.minutes is not None and minutes > self.minutes:
            raise ConfigError(f"a trial of {minutes:g} minutes does not fit into a search of {self.minutes:g} minutes")
        return {"minutes": minutes}

    def allows(self, history: History, trial_seconds: float) -> bool:
        """Whether another trial may begin. trial_seconds: its time, which running trials will use too; 0 if unknown."""
        if self.trials is not None and history.count(*_COUNTED) >= self.trials:
            return False
        return self.minutes is None or self.seconds_left(history, trial_seconds) >= max(
            _LEAST_OF_A_TRIAL * trial_seconds, 1e-9
        )

    def seconds_left(self, history: History, trial_seconds: float) -> float:
        """Return the time that no trial has used or will use; infinite without a limit."""
        if self.minutes is None:
            return float("inf")
        running = (trial for trial in history.trials if trial.ending is Ending.RUNNING)
        return 60 * self.minutes - history.seconds - sum(max(0.0, trial_seconds - trial.seconds) for trial in running)
