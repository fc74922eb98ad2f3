"""The plan: sizes, steps and validations fixed before training, so that a run does not depend on the clock.

Speed is measured first, on a network that is then thrown away. With the plan stored, the same run can be repeated
byte for byte, on a faster machine or a slower one.
"""

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from charlm.config import ModelConfig, TrainConfig, from_mapping
from charlm.errors import ConfigError, ModelError
from charlm.files.atomic import parse_json

WARM_UP = 0.05  # share of the run in which the learning rate rises
LOWEST_RATE = 0.02  # what it falls to, as a share of its peak
VALIDATION_SHARE = 0.04  # of the time, at most
MOST_VALIDATIONS = 20
_SPECIMENS = 10  # times in a run
_POINTS = 100  # of the curves in the metrics, at most
LARGEST_PLAN = 2**24  # bytes
_MOST_STEPS = 2**40


@dataclass(frozen=True)
class Plan:
    """Everything a run depends on but the corpus; both configurations are resolved."""

    model: ModelConfig
    train: TrainConfig
    steps: int  # as first planned
    validations: int
    revisions: tuple[tuple[int, int], ...] = ()  # (at step, new total)
    halved_at: int | None = None  # the step from which on the learning rate is half of what it would be

    @property
    def peak(self) -> float:
        """The learning rate at its peak. Raises ConfigError where it was left open."""
        if self.train.learning_rate is None:
            raise ConfigError("a plan leaves nothing open, and this one has no learning rate")
        return self.train.learning_rate

    @property
    def total(self) -> int:
        """Steps, by the last revision."""
        return self.revisions[-1][1] if self.revisions else self.steps

    def progress(self, step: int) -> float:
        """The share of the run done after `step` steps: straight from each revision to 1 at its total."""
        share, start, total = 0.0, 0, self.steps
        for at, revised in self.revisions:
            if at >= step:
                break
            share += (1 - share) * (at - start) / (total - start)
            start, total = at, revised
        return 1.0 if step >= total else share + (1 - share) * (step - start) / (total - start)

    def learning_rate(self, step: int) -> float:
        """The rate of the update that follows `step` steps: up in a straight line, down in half a cosine."""
        share = self.progress(step + 1)
        peak = self.peak
        if self.halved_at is not None and step >= self.halved_at:
            peak /= 2
        if share < WARM_UP:
            return peak * share / WARM_UP
        down = (1 + math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP))) / 2
        return peak * (LOWEST_RATE + (1 - LOWEST_RATE) * down)

    def validate_after(self, step: int) -> bool:
        """Whether the held-out part is evaluated after `step` steps: `validations` times, the last at the end."""
        return self._reaches(step, self.validations)

    def draw_after(self, step: int) -> bool:
        """Whether the network shows what it writes after `step` steps."""
        return self._reaches(step, _SPECIMENS)

    def log_after(self, step: int) -> bool:
        """Whether the metrics get a line after `step` steps, for a curve between the validations."""
        return self.draw_after(step) or self._reaches(step, _POINTS)

    def _reaches(self, step: int, parts: int) -> bool:
        """Whether the last of `step` steps completes one of so many equal parts of the run."""
        return int(self.progress(step) * parts) > int(self.progress(step - 1) * parts)

    def halve(self, at: int) -> "Plan":
        return replace(self, halved_at=at)

    def revise(self, at: int, total: int) -> "Plan":
        return replace(self, revisions=(*self.revisions, (at, total)))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def read_plan(path: Path) -> Plan:
    """A stored plan. Raises ConfigError, which names the file, for one that is none or that no run can follow."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_PLAN + 1)
        if len(data) > LARGEST_PLAN:
            raise ModelError(f"it has more than {LARGEST_PLAN:,} bytes")
        values = parse_json(path, data)
    except (OSError, ModelError) as error:
        raise ConfigError(f"{path} is not a plan that charlm stored: {error}") from None
    return plan_from(values, path)


def plan_from(values: object, path: Path) -> Plan:
    """`read_plan` of what stands in a file."""
    names = {"model", "train", "steps", "validations", "revisions", "halved_at"}
    if not isinstance(values, dict) or set(values) != names:
        raise ConfigError(f"{path} is not a plan that charlm stored: it should hold {', '.join(sorted(names))}")
    model = from_mapping(ModelConfig, values["model"], f"{path} (model)")
    train = from_mapping(TrainConfig, values["train"], f"{path} (train)")
    if not model.resolved or train.learning_rate is None:
        raise ConfigError(f"{path} leaves a size, the kind of sequence or the learning rate open")
    steps, validations = (_whole(path, values, name) for name in ("steps", "validations"))
    halved_at = None if values["halved_at"] is None else _whole(path, values, "halved_at", least=0)
    return Plan(model, train, steps, validations, _revisions(path, values["revisions"], steps), halved_at)


def _whole(path: Path, values: dict[str, Any], name: str, least: int = 1) -> int:
    value = values[name]
    if type(value) is not int or not least <= value <= _MOST_STEPS:
        raise ConfigError(f"{path}: {name} is {str(value)[:30]}; it should be a whole number from {least} on")
    return value


def _revisions(path: Path, pairs: object, steps: int) -> tuple[tuple[int, int], ...]:
    """Each is made before the run's end, later than the one before, and to a total not reached yet."""
    found: list[tuple[int, int]] = []
    last, total = 0, steps
    for pair in pairs if isinstance(pairs, list) else [pairs]:
        numbers = pair if isinstance(pair, list) and [type(number) for number in pair] == [int, int] else [0, 0]
        at, revised = numbers
        if not last < at < min(total, revised) or revised > _MOST_STEPS:
            raise ConfigError(f"{path}: a revision is {str(pair)[:30]}, which no run can follow")
        found.append((at, revised))
        last, total = at, revised
    return tuple(found)


TEMPERATURE = 0.8
