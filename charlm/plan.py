"""The plan: the sizes, rates, steps and validations of a run, fixed before the first step.

With its plan, a run does not depend on the clock: a faster or a slower machine repeats it byte for byte.
"""

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from charlm.config import ModelConfig, TrainConfig
from charlm.errors import ConfigError, ModelError
from charlm.files.atomic import parse_json
from charlm.files.reading import reason
from charlm.wording import plural

WARM_UP = 0.05  # share of the run in which the learning rate rises
LOWEST_RATE = 0.02  # the last learning rate, as a share of its peak
VALIDATION_SHARE = 0.04  # of the time, at most
MOST_VALIDATIONS = 20
LARGEST_PLAN = 2**24  # bytes
_PREVIEWS = 10  # times in a run
_CURVE_POINTS = 100  # of the curves in the metrics, at most
_MOST_STEPS = 2**40


@dataclass(frozen=True)
class Plan:
    """Everything that a run depends on, except the corpus; both configurations are resolved."""

    model: ModelConfig
    train: TrainConfig
    steps: int  # as planned at first
    validations: int
    revisions: tuple[tuple[int, int], ...] = ()  # (at step, new total)
    halved_at: int | None = None  # from this step on, the learning rate is halved

    def __repr__(self) -> str:
        train = self.train
        steps = f"{plural(self.total, 'step')} of {train.batch_size} × {train.seq_len} tokens"
        rate = "" if train.learning_rate is None else f", learning rate {train.learning_rate:g}"
        return f"<Plan {self.model.brief_shape}: {steps}, {plural(self.validations, 'validation')}{rate}>"

    @property
    def peak(self) -> float:
        """The peak learning rate. Raises ConfigError if the plan has none."""
        if self.train.learning_rate is None:
            raise ConfigError("this plan has no learning rate")
        return self.train.learning_rate

    @property
    def total(self) -> int:
        """Number of steps after the last revision."""
        return self.revisions[-1][1] if self.revisions else self.steps

    def progress(self, step: int) -> float:
        """Return the share of the run that is done after `step` steps; it grows linearly between revisions."""
        share, start, total = 0.0, 0, self.steps
        for at, revised in self.revisions:
            if at >= step:
                break
            share += (1 - share) * (at - start) / (total - start)
            start, total = at, revised
        return 1.0 if step >= total else share + (1 - share) * (step - start) / (total - start)

    def learning_rate(self, step: int) -> float:
        """Return the rate of the update that follows `step` steps: a linear rise, then half a cosine down."""
        share = self.progress(step + 1)
        peak = self.peak
        if self.halved_at is not None and step >= self.halved_at:
            peak /= 2
        if share < WARM_UP:
            return peak * share / WARM_UP
        down = (1 + math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP))) / 2
        return peak * (LOWEST_RATE + (1 - LOWEST_RATE) * down)

    def validate_after(self, step: int) -> bool:
        """Whether the run validates after `step` steps: `validations` times, the last time at the end."""
        return self._reaches(step, self.validations)

    def preview_after(self, step: int) -> bool:
        """Whether the run previews samples after `step` steps."""
        return self._reaches(step, _PREVIEWS)

    def log_after(self, step: int) -> bool:
        """Whether the metrics get a line after `step` steps, a point of the curves between two validations."""
        return self.preview_after(step) or self._reaches(step, _CURVE_POINTS)

    def _reaches(self, step: int, parts: int) -> bool:
        """Whether the `step`-th step completes one of `parts` equal parts of the run."""
        return int(self.progress(step) * parts) > int(self.progress(step - 1) * parts)

    def halve(self, at: int) -> "Plan":
        """Return this plan with half the learning rate from step `at` on."""
        return replace(self, halved_at=at)

    def revise(self, at: int, total: int) -> "Plan":
        """Return this plan with a new total of steps, decided after step `at`."""
        return replace(self, revisions=(*self.revisions, (at, total)))

    def to_json(self) -> dict[str, Any]:
        """Return plain values for `plan.json`."""
        return asdict(self)


def read_plan(path: Path) -> Plan:
    """Read a stored plan. Raises ConfigError, which names the file, if it is not a plan that a run can follow."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_PLAN + 1)
        if len(data) > LARGEST_PLAN:
            raise ModelError(f"it has more than {LARGEST_PLAN:,} bytes")
        values = parse_json(path, data)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {reason(error)}") from None
    except ModelError as error:
        raise ConfigError(f"{path} is not a plan that charlm stored: {error}") from None
    return plan_from(values, path)


def plan_from(values: object, path: Path) -> Plan:
    """Build a plan from parsed JSON; `path` names its source in errors. Raises ConfigError as `read_plan` does."""
    names = {"model", "train", "steps", "validations", "revisions", "halved_at"}
    if not isinstance(values, dict) or set(values) != names:
        raise ConfigError(f"{path} is not a plan that charlm stored: it should have {', '.join(sorted(names))}")
    model = ModelConfig.from_json(values["model"], f"{path} (model)")
    train = TrainConfig.from_json(values["train"], f"{path} (train)")
    if not model.resolved or train.learning_rate is None:
        raise ConfigError(f"{path} has an open size, text mode or learning rate; a stored plan has none")
    steps, validations = (_whole(path, values, name) for name in ("steps", "validations"))
    halved_at = None if values["halved_at"] is None else _whole(path, values, "halved_at", least=0)
    return Plan(model, train, steps, validations, _revisions(path, values["revisions"], steps), halved_at)


def _whole(path: Path, values: dict[str, Any], name: str, least: int = 1) -> int:
    value = values[name]
    if type(value) is not int or not least <= value <= _MOST_STEPS:
        raise ConfigError(f"{path}: {name} is {str(value)[:30]}; it should be a whole number of at least {least}")
    return value


def _revisions(path: Path, pairs: object, steps: int) -> tuple[tuple[int, int], ...]:
    """Check that each revision is made before the end, after the one before, and to a total that is not reached yet."""
    revisions: list[tuple[int, int]] = []
    last, total = 0, steps
    for pair in pairs if isinstance(pairs, list) else [pairs]:
        numbers = pair if isinstance(pair, list) and [type(number) for number in pair] == [int, int] else [0, 0]
        at, revised = numbers
        if not last < at < min(total, revised) or revised > _MOST_STEPS:
            raise ConfigError(f"{path}: a revision is {str(pair)[:30]}, which no run can follow")
        revisions.append((at, revised))
        last, total = at, revised
    return tuple(revisions)
