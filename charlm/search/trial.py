"""One trial: a training that is stopped early if its validation curve is worse than that of the other trials."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from optuna.exceptions import TrialPruned
from optuna.trial import Trial as OptunaTrial

from charlm.cost import Cost
from charlm.errors import CharlmError, CorpusNotFoundError, DivergenceError, is_out_of_memory
from charlm.interrupts import uninterrupted
from charlm.plan import Plan
from charlm.search.events import Report, TrialBegan, TrialProgress
from charlm.search.history import Ending, Trial
from charlm.search.space import Space, draw
from charlm.search.study import DEFAULT, POINTS, RECORD
from charlm.training.events import Event, Finished, Planned, Progress, Revised, Stopped, Validated

_BEAT = 10.0  # seconds between two records of the time that a trial has used


class TrialFailed(Exception):
    """This trial cannot be completed, but others can."""


class _Pruned(Exception):
    """Ends a training from inside."""


def objective(trial: OptunaTrial, space: Space, train: Callable[..., Any], report: Report) -> float:
    """Train with drawn settings, and return the cost of the network that is kept.

    train: takes the settings as keywords, and `report`, a receiver of the events of training.

    Raises TrialPruned, TrialFailed, and the errors that would make every trial fail: CorpusNotFoundError, and an error
    of the settings or the corpus in the trial with the defaults. A KeyboardInterrupt passes.
    """
    is_default = bool(trial.user_attrs.get(DEFAULT))
    with uninterrupted():
        settings = draw(trial, space)
    watch = _Watch(trial, settings, report, prunes=not is_default)
    report(TrialBegan(Trial(trial.number, Ending.RUNNING, settings, is_default, math.nan, "", 0.0)))
    try:
        train(**settings, report=watch)
        if not math.isfinite(watch.cost):
            raise watch.failed("the held-out part has no finite figure")
        return watch.cost
    except _Pruned:
        raise TrialPruned from None
    except KeyboardInterrupt:
        watch.record["ended"] = Ending.STOPPED
        raise
    except CharlmError as error:
        failed = watch.failed(str(error))
        if isinstance(error, CorpusNotFoundError) or (is_default and not isinstance(error, DivergenceError)):
            raise
        raise failed from None
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise watch.failed("there is not enough memory") from None
    finally:
        watch.store()


class _Watch:
    """A receiver of the events of a training, which keeps the record of its trial.

    `cost`: the lowest so far, that of the network which is kept. `record`: what the study stores.
    """

    def __init__(self, trial: OptunaTrial, settings: Mapping[str, Any], report: Report, *, prunes: bool) -> None:
        self.cost = math.inf
        self.record: dict[str, Any] = {"settings": settings}
        self._trial, self._report, self._prunes = trial, report, prunes
        self._plan: Plan | None = None
        self._curve: list[tuple[float, float]] = []  # share of the training, cost
        self._next_point = 1
        self._began = time.monotonic()
        self.store()

    def __call__(self, event: Event) -> None:
        match event:
            case Planned():
                self._plan = event.plan
            case Revised() if self._plan:
                self._plan = self._plan.revise(event.at, event.steps)
            case Progress() if self._plan:
                if time.monotonic() >= self._next_beat:
                    self.store()  # if the process is killed, the time counts
                share, figures = self._plan.progress(event.step), self.record.get("figures", "")
                self._report(TrialProgress(self._trial.number, share, figures, event.seconds_left))
            case Validated() if self._plan:
                with uninterrupted():
                    self._validated(event.evaluation.cost, self._plan.progress(event.progress.step))
            case Stopped():
                self._prunes = False  # a last validation may follow, and the signal must reach the search
            case Finished():
                self._keep(event.evaluation.cost)

    def failed(self, reason: str) -> TrialFailed:
        """Return the error for a trial that cannot be completed."""
        self.record |= {"ended": Ending.FAILED, "reason": reason}
        return TrialFailed(reason)

    def store(self) -> None:
        """Store the record, with the time until now."""
        now = time.monotonic()
        with uninterrupted():
            self._trial.set_user_attr(RECORD, {**self.record, "curve": self._curve, "seconds": now - self._began})
        self._next_beat = now + _BEAT

    def _keep(self, cost: Cost) -> None:
        self.cost = cost.value
        if math.isfinite(cost.value):
            self.record |= {"cost": cost.value, "figures": str(cost), "cost_name": cost.value_name}

    def _validated(self, cost: Cost, share: float) -> None:
        if self._curve and share <= self._curve[-1][0]:
            return  # after a rollback
        if math.isfinite(cost.value):
            self._compare(share, cost.value)
            self._curve.append((share, cost.value))
            if cost.value < self.cost:
                self._keep(cost)
        if self._prunes and share < 1 and self._trial.should_prune():
            raise _Pruned

    def _compare(self, share: float, cost: float) -> None:
        """Report the points of the curve up to a validation, since trials validate at different points.

        Between two validations, the cost is interpolated linearly. The first validation stands for the last point
        before it.
        """
        first = int(POINTS * share + 1e-9) / POINTS
        before, cost_before = self._curve[-1] if self._curve else (first, cost)
        while self._next_point <= POINTS * share + 1e-9:
            at = self._next_point / POINTS
            if at >= before:
                part = (at - before) / (share - before) if share > before else 1.0
                self._trial.report(cost_before + part * (cost - cost_before), self._next_point)
            self._next_point += 1
