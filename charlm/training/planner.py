"""Wall-clock time → steps: how many fit into the budget, measured before the run and watched during it."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from charlm.config import ModelConfig, TrainConfig
from charlm.data.windows import TrainingWindows
from charlm.nn.native.library import resolve_precision
from charlm.nn.network import Network
from charlm.plan import MOST_VALIDATIONS, VALIDATION_SHARE, Plan
from charlm.tasks.language import Dataset
from charlm.training.distributed import ALONE, Group
from charlm.training.learner import Learner
from charlm.training.recipe import Sized, resolve, resolve_dropout, resolve_rates, weights

_TRIAL_SHARE = 0.01  # of the budget, spent on measuring the speed of training
_TRIAL_BOUNDS = (0.3, 3.0)  # seconds
_USUAL = (256, 2)  # width and layers of the network whose speed decides the size
_TRIAL_CHARACTERS = 100_000  # of the held-out part, to measure the speed of validation
_READING = 3  # tokens read in the time one is learned
_SAVING = 0.3  # seconds kept free for the last save and the end of the process
_MUCH_FASTER = 1.3
_CHECK_EVERY = 0.05  # of the budget
_OFF_COURSE = 0.03  # of the budget: nearer than this the plan stands
_SETTLED = 0.97  # share of the run after which the plan stands


@dataclass
class Pace:
    """A deadline on the monotonic clock, and the seconds that steps and validations take."""

    started: float
    budget: float  # seconds
    step_seconds: float
    validation_seconds: float
    validations: int
    _checked_at: float = 0.0
    _checked_step: int = 0

    def steps(self) -> int:
        """Steps that fit between now and the deadline, with all validations."""
        return max(1, int(self._training_left(self.validations) / self.step_seconds))

    def revised(self, plan: Plan, step: int) -> int:
        """`revised_total` of a plan; 0 where it stands."""
        share = plan.progress(step)
        return self.revised_total(step, plan.total, share, plan.validations - int(share * plan.validations)) or 0

    def revised_total(self, step: int, total: int, share: float, validations_left: int) -> int | None:
        """A new total of steps if the run would miss the deadline by more than 3 %, else None.

        step: done so far; share: of the run; to be called after every step, costs next to nothing.
        """
        now = time.monotonic()
        if self._checked_at == 0.0:
            self._checked_at, self._checked_step = now, step
        elapsed = now - self._checked_at
        if elapsed < _CHECK_EVERY * self.budget or share > _SETTLED:
            return None
        recent = elapsed / (step - self._checked_step)
        self.step_seconds = (self.step_seconds + recent) / 2  # half the news: a machine hiccups more than it slows
        self._checked_at, self._checked_step = now, step
        left = self._training_left(validations_left)
        if abs((total - step) * self.step_seconds - left) < _OFF_COURSE * self.budget:
            return None
        return step + max(1, int(left / self.step_seconds))

    def restart(self, step: int) -> None:
        """Count from this step on: the run has been set back to it."""
        self._checked_at, self._checked_step = time.monotonic(), step

    def pause(self, seconds: float) -> None:
        """Time that was not spent on steps, such as a validation's."""
        self._checked_at += seconds

    def left(self) -> float:
        """Seconds to the deadline."""
        return max(0.0, self.started + self.budget - time.monotonic())

    def _training_left(self, validations: int) -> float:
        return self.started + self.budget - _SAVING - time.monotonic() - validations * self.validation_seconds


def make_plan(
    prepared: Dataset,
    model: ModelConfig,
    config: TrainConfig,
    device: torch.device,
    started: float,
    group: Group = ALONE,
) -> tuple[Plan, Pace | None, str]:
    """Fix sizes, steps and validations; where the budget is in minutes, by measuring, with the Pace to watch it.

    The third is why the network has its size, in words. The processes of a group measure together, by the clock of
    the first.
    """
    minutes = None if config.steps or config.epochs else (config.minutes or config.DEFAULT_MINUTES)
    precision = resolve_precision(config.precision, device)
    config = replace(config, precision=precision)
    model = replace(model, sequence=prepared.sequence)
    batches = prepared.batches(config, group.rows, group.size)
    tokens = batches.batch_size * batches.seq_len  # of a step
    pace = None
    if minutes is not None:
        (model, why), pace = _measure(prepared, batches, model, config, device, started, 60 * minutes, group)
        steps, validations = pace.steps(), pace.validations
    else:
        steps = config.steps or math.ceil((config.epochs or 0) * batches.steps_per_epoch)
        model, why = resolve(model, batches.size, prepared.tokenizer.size, lambda size: steps * tokens)
        held_out = prepared.parts.characters(prepared.parts.valid)
        validations = _between(1, int(VALIDATION_SHARE * _READING * steps * tokens / held_out), MOST_VALIDATIONS)
    passes = steps / batches.steps_per_epoch
    model = resolve_dropout(model, passes)
    config = replace(resolve_rates(config, model, steps, passes), threads=torch.get_num_threads())
    return Plan(model, config, steps, min(validations, steps)), pace, why


def _measure(
    prepared: Dataset,
    batches: TrainingWindows,
    model: ModelConfig,
    config: TrainConfig,
    device: torch.device,
    started: float,
    budget: float,
    group: Group,
) -> tuple[Sized, Pace]:
    """Time training steps of a network of a usual size; choose the size by that; time its steps and its validation."""
    parts, V, tokens = prepared.parts, prepared.tokenizer.size, batches.batch_size * batches.seq_len

    def trial(sized: ModelConfig) -> tuple[Network, float]:
        network = prepared.network(resolve_dropout(sized, passes=0), device)
        learner = Learner(network, config, group)
        if device.type == "cuda":
            learner.find_micro_batches(batches[0])
        return network, _seconds_each(lambda step: learner.step(batches[step], 0.0), budget, group)

    usual = replace(model, hidden_size=model.hidden_size or _USUAL[0], layers=model.layers or _USUAL[1])
    usual = resolve(usual, batches.size, V, lambda size: math.inf).config
    network, step_seconds = trial(usual)
    if config.threads is None:
        step_seconds = _with_fewer_threads(step_seconds, lambda: trial(usual)[1], group)
    rate = tokens * weights(usual, V) / step_seconds  # weights applied to tokens, a second
    left = group.broadcast_float(started + budget - time.monotonic())
    chosen = resolve(model, batches.size, V, lambda size: left * rate / size)
    if chosen.config != usual:
        network, step_seconds = trial(chosen.config)
    some = _some(parts.valid, _TRIAL_CHARACTERS)
    before = time.perf_counter()
    prepared.evaluate(network.eval(), some, group.map_rows)
    spent = group.broadcast_float(time.perf_counter() - before)
    validation_seconds = spent * parts.characters(parts.valid) / parts.characters(some)
    validations = _between(1, int(VALIDATION_SHARE * budget / validation_seconds), MOST_VALIDATIONS)
    return chosen, Pace(started, budget, step_seconds, validation_seconds, validations)


def _with_fewer_threads(seconds: float, trial: Callable[[], float], group: Group) -> float:
    """Where other programs keep the cores busy, threads wait for each other: take one where that is much faster."""
    threads = torch.get_num_threads()
    if group.broadcast_float(threads) > 1:
        torch.set_num_threads(1)
        alone = trial()
        if alone * _MUCH_FASTER < seconds:
            return alone
        torch.set_num_threads(threads)
    return seconds


def _seconds_each(action: Callable[[int], object], budget: float, group: Group) -> float:
    """Median seconds of `action(0)`, `action(1)`, … repeated for a part of `budget` seconds, after a warm-up."""
    low, high = _TRIAL_BOUNDS
    until = time.monotonic() + min(high, max(low, _TRIAL_SHARE * budget))
    times: list[float] = []
    while group.broadcast_float(len(times) < 4 or time.monotonic() < until):
        before = time.perf_counter()
        action(len(times))
        times.append(time.perf_counter() - before)
    settled = sorted(times[1:])
    return group.broadcast_float(settled[len(settled) // 2])


def _some(texts: Sequence[str], characters: int) -> tuple[str, ...]:
    """Texts from the first on, up to about so many characters in all, at least one."""
    found: list[str] = []
    for text in texts:
        found.append(text[:characters])
        characters -= len(text)
        if characters <= 0:
            break
    return tuple(found)


def _between(least: int, value: int, most: int) -> int:
    return max(least, min(value, most))
