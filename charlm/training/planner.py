"""Time → steps: how many fit into a time budget, measured before the run and watched during it."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch

from charlm.config import ModelConfig, TrainConfig
from charlm.data.documents import first_texts
from charlm.data.windows import TrainingWindows
from charlm.nn.native.library import resolve_precision
from charlm.nn.native.threads import use_threads
from charlm.nn.network import Network
from charlm.plan import MOST_VALIDATIONS, VALIDATION_SHARE, Plan
from charlm.tasks.language import Dataset
from charlm.training.distributed import ALONE, Group
from charlm.training.finished_run import FinishedRun
from charlm.training.learner import Learner
from charlm.training.recipe import Sized, resolve, resolve_dropout, resolve_rates, weights

_TRIAL_SHARE = 0.01  # of the budget, spent on measuring the speed of training
_TRIAL_BOUNDS = (0.3, 3.0)  # seconds
_TRIAL_SIZE = (256, 2)  # width and layers of the network whose speed decides the size
_TRIAL_CHARACTERS = 100_000  # of the held-out part, to measure the speed of validation
_TOKENS_READ_PER_LEARNED = 3  # reading a token takes a third of the time of learning it
_SAVING_SECONDS = 0.3  # kept free for the last save and the end of the process
_MUCH_FASTER = 1.3
_CHECK_EVERY = 0.05  # of the budget
_TOLERANCE = 0.03  # of the budget: a smaller deviation does not revise the plan
_SETTLED = 0.97  # share of the run after which the plan is not revised any more


@dataclass
class TimeBudget:
    """A deadline on the monotonic clock, and the measured seconds of a step and of a validation."""

    started: float
    seconds: float
    step_seconds: float
    validation_seconds: float
    validations: int
    _checked_at: float = 0.0
    _checked_step: int = 0

    def affordable_steps(self) -> int:
        """Return the number of steps that fit between now and the deadline, with all validations."""
        return max(1, int(self._seconds_for_steps(self.validations) / self.step_seconds))

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
    windows: TrainingWindows,
    model: ModelConfig,
    config: TrainConfig,
    *,
    device: torch.device,
    started: float,
    group: Group = ALONE,
    after: FinishedRun | None = None,
) -> PlannedRun:
    """Fix the sizes, the steps and the validations; a budget in minutes is planned by measuring the speed.

    The processes of a group measure together, by the clock of the first. after: the run whose model this one
    continues from; the budget is the total of both.
    """
    config = replace(config, precision=resolve_precision(config.precision, device))
    budget = None
    start = after.plan.total if after else 0
    if total := config.total_steps(windows.steps_per_epoch):
        steps = total - start
        tokens = windows.batch_size * windows.seq_len  # of a step
        sized = resolve(model, windows.size, dataset.tokenizer.size, lambda size: steps * tokens)
        characters = dataset.split.characters(dataset.split.valid)
        affordable = int(VALIDATION_SHARE * _TOKENS_READ_PER_LEARNED * steps * tokens / characters)
        validations = _between(1, affordable, MOST_VALIDATIONS)
    else:
        seconds = 60 * ((config.budget_minutes or 0) - (after.minutes if after else 0))
        sized, budget = _measure(dataset, windows, model, config, device, started, seconds, group)
        steps, validations = budget.affordable_steps(), budget.validations
    epochs = steps / windows.steps_per_epoch
    model = resolve_dropout(sized.config, epochs)
    config = replace(resolve_rates(config, model, steps, epochs), threads=torch.get_num_threads())
    validations = min(validations, steps)
    if after:
        plan = after.plan.then(after.step, config, start + steps, validations)
        return PlannedRun(plan, budget, "as in the earlier run")
    return PlannedRun(Plan(model, config, steps, validations), budget, sized.reason)


def _measure(
    dataset: Dataset,
    windows: TrainingWindows,
    model: ModelConfig,
    config: TrainConfig,
    device: torch.device,
    started: float,
    seconds: float,
    group: Group,
) -> tuple[Sized, TimeBudget]:
    """Time training steps of a network of a common size, choose the size from that, and time its validation."""
    split, vocabulary = dataset.split, dataset.tokenizer.size

    def trial(sized: ModelConfig) -> tuple[Network, float]:
        network = dataset.network(resolve_dropout(sized, epochs=0), device, config.seed)
        learner = Learner(network, config, group)
        if device.type == "cuda":
            learner.find_micro_batches(windows[0])
        return network, _seconds_per_call(lambda step: learner.step(windows[step], 0.0), seconds, group)

    width, layers = _TRIAL_SIZE
    common = replace(model, hidden_size=model.hidden_size or width, layers=model.layers or layers)
    common = resolve(common, windows.size, vocabulary, lambda size: math.inf).config
    network, step_seconds = trial(common)
    if config.threads is None:
        step_seconds = _with_fewer_threads(step_seconds, lambda: trial(common)[1], group)
    tokens_per_step = windows.batch_size * windows.seq_len
    rate = tokens_per_step * weights(common, vocabulary) / step_seconds  # products of a token and a weight per second
    left = group.broadcast_float(started + seconds - time.monotonic())
    sized = resolve(model, windows.size, vocabulary, lambda size: left * rate / size)
    if sized.config != common:
        network, step_seconds = trial(sized.config)
    some = first_texts(split.valid, _TRIAL_CHARACTERS)
    before = time.perf_counter()
    dataset.evaluate(network.eval(), some, group.map_rows)
    spent = group.broadcast_float(time.perf_counter() - before)
    validation_seconds = spent * split.characters(split.valid) / split.characters(some)
    validations = _between(1, int(VALIDATION_SHARE * seconds / validation_seconds), MOST_VALIDATIONS)
    return sized, TimeBudget(started, seconds, step_seconds, validation_seconds, validations)


def _with_fewer_threads(seconds: float, trial: Callable[[], float], group: Group) -> float:
    """Use one thread if it is much faster, as it is while other programs keep the cores busy; return its seconds."""
    threads = torch.get_num_threads()
    if group.broadcast_float(threads) > 1:
        use_threads(1)
        alone = trial()
        if alone * _MUCH_FASTER < seconds:
            return alone
        use_threads(threads)
    return seconds


def _seconds_per_call(action: Callable[[int], object], budget: float, group: Group) -> float:
    """Return the median seconds of `action(0)`, `action(1)`, … over a part of `budget` seconds, after a warm-up."""
    low, high = _TRIAL_BOUNDS
    until = time.monotonic() + min(high, max(low, _TRIAL_SHARE * budget))
    times: list[float] = []
    while group.broadcast_float(len(times) < 4 or time.monotonic() < until):
        before = time.perf_counter()
        action(len(times))
        times.append(time.perf_counter() - before)
    settled = sorted(times[1:])
    return group.broadcast_float(settled[len(settled) // 2])


def _between(least: int, value: int, most: int) -> int:
    return max(least, min(value, most))
