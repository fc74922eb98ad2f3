"""Wall-clock time → steps: how many fit into the budget, measured before the run and watched during it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

_TRIAL_SHARE = 0.01  # of the budget, spent on measuring the speed of training
_TRIAL_BOUNDS = (0.3, 3.0)  # seconds
_SAVING = 0.3  # seconds kept free for the last save and the end of the process
_CHECK_EVERY = 0.05  # of the budget
_OFF_COURSE = 0.03  # of the budget: nearer than this the plan stands
_SETTLED = 0.97  # share of the run after which the plan stands


def seconds_each(action: Callable[[int], object], budget: float) -> float:
    """Median seconds of `action(0)`, `action(1)`, … repeated for a part of `budget` seconds, after a warm-up."""
    low, high = _TRIAL_BOUNDS
    until = time.monotonic() + min(high, max(low, _TRIAL_SHARE * budget))
    times: list[float] = []
    while len(times) < 4 or time.monotonic() < until:
        before = time.perf_counter()
        action(len(times))
        times.append(time.perf_counter() - before)
    settled = sorted(times[1:])
    return settled[len(settled) // 2]


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

    def pause(self, seconds: float) -> None:
        """Time that was not spent on steps, such as a validation's."""
        self._checked_at += seconds

    def left(self) -> float:
        """Seconds to the deadline."""
        return max(0.0, self.started + self.budget - time.monotonic())

    def _training_left(self, validations: int) -> float:
        return self.started + self.budget - _SAVING - time.monotonic() - validations * self.validation_seconds
