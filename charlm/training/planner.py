"""Time → steps: how many fit into a time budget, measured before the run and watched during it."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import torch

from charlm.config import ModelConfig, TrainConfig
from charlm.errors import ConfigError
from charlm.nn.native.library import resolve_precision
from charlm.nn.trainable import Trainable
from charlm.plan import FEW_STEPS, MOST_VALIDATIONS, SHORT_MINUTES, VALIDATION_SHARE, Plan
from charlm.progress import ignore
from charlm.tasks import Batches, Dataset
from charlm.training.distributed import ALONE, Group
from charlm.training.finished_run import FinishedRun
from charlm.training.learner import Learner
from charlm.training.recipe import Sized, resolve, resolve_dropout, resolve_rates, starts_whole, weights
from charlm.training.speed import mean_seconds, step_seconds, validation_seconds, with_fewer_threads
from charlm.wording import listed

_TRIAL_STEPS, _TRIAL_SHARE = 4, 0.01  # steps to measure with fewer threads, in this share of the budget at most
_MUCH_LARGER = 16  # times the weights of the usual trial
_TRIAL_WIDTH = 256  # of the network whose speed decides the size
_TRIAL_LAYERS, _SHORT_TRIAL_LAYERS = 2, 1  # of that network, and of the one for a short run
_TOKENS_READ_PER_LEARNED = 3  # reading a token takes a third of the time of learning it
_SAVING_SECONDS = 0.3  # kept free for the last save and the end of the process
_CHECK_EVERY = 0.05  # of the budget
_TOLERANCE = 0.03  # of the budget: a smaller deviation does not revise the plan
_LATE_SHARE, _LATE_SECONDS = 0.1, 3.0  # by which a run may end late: the larger of a share of the budget, and seconds
_SETTLED = 0.97  # share of the run after which the plan is not revised any more


@dataclass
class TimeBudget:
    """A deadline on the monotonic clock, and the measured seconds of a step and of a validation."""

    started: float
    seconds: float
    step_seconds: float
    validation_seconds: float
    validations: int
    start_seconds: float = 0.0  # to make the network, between the plan and the first step
    _checked_at: float = 0.0
    _checked_step: int = 0

    def affordable_steps(self) -> int:
        """Return the number of steps that fit between now and the deadline, with all validations."""
        seconds = self._seconds_for_steps(self.validations) - self.start_seconds
        return max(1, int(seconds / self.step_seconds))

    def revise(self, plan: Plan, step: int) -> int:
        """Return a new total of steps if the run would miss the deadline by more than 3 % of the budget, else 0.

        Call it after every step; it takes next to no time.
        """
        now, progress = time.monotonic(), plan.progress(step)
        if self._checked_at == 0.0:
            self._checked_at, self._checked_step = now, step
        elapsed = now - self._checked_at
        if elapsed < _CHECK_EVERY * self.seconds or progress > _SETTLED:
            return 0
        recent = elapsed / (step - self._checked_step)
        # The mean of both speeds: a short interruption is more likely than a lasting change.
        self.step_seconds = (self.step_seconds + recent) / 2
        self._checked_at, self._checked_step = now, step
        left = self._seconds_for_steps(plan.validations - int(progress * plan.validations))
        if abs((plan.total - step) * self.step_seconds - left) < _TOLERANCE * self.seconds:
            return 0
        return step + max(1, int(left / self.step_seconds))

    def restart(self, step: int) -> None:
        """Measure the speed from this step on: the run has returned to it."""
        self._checked_at, self._checked_step = time.monotonic(), step

    def pause(self, seconds: float) -> None:
        """Leave out seconds that were not spent on steps, such as those of a validation."""
        if self._checked_at:  # else no step has been measured yet
            self._checked_at += seconds

    def seconds_left(self) -> float:
        """Return the seconds to the deadline, at least 0."""
        return max(0.0, self.started + self.seconds - time.monotonic())

    def _seconds_for_steps(self, validations: int) -> float:
        end = self.started + self.seconds - _SAVING_SECONDS
        return end - time.monotonic() - validations * self.validation_seconds


class PlannedRun(NamedTuple):
    """A plan, the budget that watches it (None without a time limit), and why the network has its size."""

    plan: Plan
    budget: TimeBudget | None
    size_reason: str


def make_plan(
    dataset: Dataset,
    batches: Batches,
    model: ModelConfig,
    config: TrainConfig,
    *,
    device: torch.device,
    started: float,
    group: Group = ALONE,
    after: FinishedRun | None = None,
    force: bool = False,
) -> PlannedRun:
    """Fix the sizes, the steps and the validations; a budget in minutes is planned by measuring the speed.

    The processes of a group measure together, by the clock of the first. after: the run whose model this one
    continues from; the budget is the total of both. force: plan at least one step, even if the budget is too small for
    it; otherwise that is a ConfigError.
    """
    config = replace(config, precision=resolve_precision(config.precision, device))
    model, budget = dataset.choose_readout(model), None
    start = after.plan.total if after else 0
    if total := config.total_steps(batches.steps_per_epoch):
        steps = total - start
        tokens = batches.tokens_per_step
        sized = resolve(model, batches.size, dataset.shape, lambda size: steps * tokens)
        read = steps * batches.targets_per_step * _TOKENS_READ_PER_LEARNED
        affordable = int(VALIDATION_SHARE * read / dataset.validation_size)
        validations = _between(1, affordable, MOST_VALIDATIONS)
    else:
        before = after.minutes if after else 0.0
        seconds = 60 * ((config.budget_minutes or 0) - before)
        check = ignore if force else partial(_check_time, group, before=before)
        sized, budget = _measure(dataset, batches, model, config, device, started, seconds, group, check)
        steps, validations = budget.affordable_steps(), budget.validations
    epochs = steps / batches.steps_per_epoch
    model = resolve_dropout(sized.config, epochs)
    started = config.start_from is not None and starts_whole(model, dataset.shape)
    config = replace(resolve_rates(config, model, steps, epochs, started=started), threads=torch.get_num_threads())
    validations = min(validations, steps)
    if after:
        plan = after.plan.then(after.step, config, start + steps, validations)
        return PlannedRun(plan, budget, "as in the earlier run")
    reason = f"as in {config.start_from}" if config.start_from else sized.reason
    return PlannedRun(Plan(model, config, steps, validations), budget, reason)


def _measure(
    dataset: Dataset,
    batches: Batches,
    model: ModelConfig,
    config: TrainConfig,
    device: torch.device,
    started: float,
    seconds: float,
    group: Group,
    check: Callable[[TimeBudget], None],
) -> tuple[Sized, TimeBudget]:
    """Time training steps of a network of a common size, choose the size from that, and time its validation.

    check: raises an error as soon as the budget is known to be too small.
    """
    making = 0.0  # seconds to make the network

    def trial(sized: ModelConfig) -> tuple[Trainable, float]:
        nonlocal making
        before = time.monotonic()
        network = dataset.network(resolve_dropout(sized, epochs=0), device, config.seed)
        learner = Learner(network, config, group)
        making = group.broadcast_float(time.monotonic() - before)
        if device.type == "cuda":
            learner.find_micro_batches(batches[0])
        return network, step_seconds(learner, batches, seconds, group) + mean_seconds(learner, group)

    width, layers = _TRIAL_WIDTH, _SHORT_TRIAL_LAYERS if seconds < 60 * SHORT_MINUTES else _TRIAL_LAYERS
    common = replace(
        model, hidden_size=model.hidden_size or width, layers=model.layers or (1 if model.hidden_size else layers)
    )
    common = resolve(common, batches.size, dataset.shape, lambda size: math.inf).config
    usual = resolve(replace(common, hidden_size=width), batches.size, dataset.shape, lambda size: math.inf).config
    ratio = weights(common, dataset.shape) / weights(usual, dataset.shape)
    if ratio > _MUCH_LARGER:  # it would take long to make, and to measure
        check(TimeBudget(started, seconds, trial(usual)[1] * ratio, 0.0, 1))
    network, of_step = trial(common)
    if config.threads is None and _TRIAL_STEPS * of_step < _TRIAL_SHARE * seconds:
        of_step = with_fewer_threads(of_step, lambda: trial(common)[1], group)
    # Products of a token and a weight per second.
    rate = batches.tokens_per_step * weights(common, dataset.shape) / of_step
    left = group.broadcast_float(started + seconds - time.monotonic())
    sized = resolve(model, batches.size, dataset.shape, lambda size: left * rate / size)
    if sized.config != common:
        network, of_step = trial(sized.config)
    budget = TimeBudget(started, seconds, of_step, 0.0, 1, making)
    check(budget)
    budget.validation_seconds = validation_seconds(dataset, network, seconds, group)
    check(budget)
    budget.validations = _between(1, int(VALIDATION_SHARE * seconds / budget.validation_seconds), MOST_VALIDATIONS)
    return sized, budget


def _check_time(group: Group, budget: TimeBudget, before: float = 0.0) -> None:
    """Raise ConfigError if the budget is too small for one step and its validation.

    before: minutes of earlier runs, which count in the setting.
    """
    spent = group.broadcast_float(time.monotonic() - budget.started)
    needed = spent + budget.start_seconds + budget.step_seconds + budget.validation_seconds + _SAVING_SECONDS
    if needed <= budget.seconds + max(_LATE_SHARE * budget.seconds, _LATE_SECONDS):
        return
    parts = {
        "reading the text and measuring the speed took": spent,
        "making the network takes": budget.start_seconds,
        "a step takes": budget.step_seconds,
        "a validation takes": budget.validation_seconds,
    }
    longest = [f"{name} {_seconds(value)}" for name, value in parts.items() if value > 0.1 * needed]
    minutes = math.ceil((60 * before + needed + (FEW_STEPS - 1) * budget.step_seconds) / 6) / 10
    asked = "are left for this run" if before else "were asked for"
    problem = f"{listed(longest)}; {_seconds(budget.seconds)} {asked}"
    raise ConfigError(problem, remedy="too_little_time", minutes=minutes)


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 10 else f"{value:,.0f} s"


def _between(least: int, value: int, most: int) -> int:
    return max(least, min(value, most))
