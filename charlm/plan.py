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
HELD = 0.3  # share of the run after which a linear learning rate falls
LOWEST_RATE = 0.02  # the last learning rate, as a share of its peak
VALIDATION_SHARE = 0.04  # of the time, at most
MOST_VALIDATIONS = 20
LARGEST_PLAN = 2**24  # bytes
SHORT_MINUTES = 1  # a run of less saves time where it can
_PREVIEWS, _SHORT_PREVIEWS = 10, 3  # times in a run, and in a short one
FEW_STEPS = 20  # a network that took fewer has hardly learned anything
_CURVE_POINTS = 100  # of the curves in the metrics, at most
_MOST_STEPS = 2**40


@dataclass(frozen=True)
class EarlierRun:
    """A run that ended, and from whose model another one continued; the fields are those of its plan."""

    train: TrainConfig
    steps: int
    validations: int
    revisions: tuple[tuple[int, int], ...]
    halved_at: int | None
    kept: int  # the step of its model

    @property
    def total(self) -> int:
        """Number of steps after the last revision."""
        return self.revisions[-1][1] if self.revisions else self.steps


@dataclass(frozen=True)
class Plan:
    """Everything that a run depends on, except the corpus; both configurations are resolved.

    A run that continues from the model of an earlier one counts its steps on from the total of that run.

    model: the settings of the network.
    train: the settings of the run.
    steps: the last step, as planned at first.
    validations: how often the held-out part is evaluated, the last time at the end.
    revisions: each change of the last step, as a pair of the step at which it was made and the new last step.
    halved_at: the step from which the learning rate is halved; None: never.
    earlier: the runs before this one, the first one first.
    """

    model: ModelConfig
    train: TrainConfig
    steps: int
    validations: int
    revisions: tuple[tuple[int, int], ...] = ()
    halved_at: int | None = None
    earlier: tuple[EarlierRun, ...] = ()

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

    @property
    def start(self) -> int:
        """Number of steps before this run."""
        return self.earlier[-1].total if self.earlier else 0

    @property
    def kept_before(self) -> int:
        """The step of the model that this run began with; 0 for a new network."""
        return self.earlier[-1].kept if self.earlier else 0

    def progress(self, step: int) -> float:
        """Return the share of the run that is done after `step` steps; it grows linearly between revisions."""
        share, start, total = 0.0, self.start, self.steps
        for at, revised in self.revisions:
            if at >= step:
                break
            share += (1 - share) * (at - start) / (total - start)
            start, total = at, revised
        return 1.0 if step >= total else share + (1 - share) * (step - start) / (total - start)

    def learning_rate(self, step: int) -> float:
        """Return the rate of the update that follows `step` steps.

        It rises linearly to its peak. A linear schedule holds it there, and then lowers it linearly. A cosine schedule
        lowers it at once, along half a cosine.
        """
        share = self.progress(step + 1)
        peak = self.peak
        if self.halved_at is not None and step >= self.halved_at:
            peak /= 2
        if share < WARM_UP:
            return peak * share / WARM_UP
        if self.train.schedule == "linear":
            above = min(1, (1 - share) / (1 - HELD))
        else:
            above = (1 + math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP))) / 2
        return peak * (LOWEST_RATE + (1 - LOWEST_RATE) * above)

    def validate_after(self, step: int) -> bool:
        """Whether the run validates after `step` steps: `validations` times, the last time at the end.

        A run that continues from a model validates it first.
        """
        return self._reaches(step, self.validations) or (bool(self.earlier) and step == self.start)

    def preview_after(self, step: int) -> bool:
        """Whether the run previews samples after `step` steps."""
        minutes = self.train.budget_minutes
        short = minutes is not None and minutes < SHORT_MINUTES
        return self._reaches(step, _SHORT_PREVIEWS if short else _PREVIEWS)

    def log_after(self, step: int) -> bool:
        """Whether the metrics get a line after `step` steps, a point of the curves between two validations."""
        return self.preview_after(step) or self._reaches(step, _CURVE_POINTS)

    def averages_after(self, step: int) -> bool:
        """Whether the processes have the same weights after `step` steps.

        In a run with local steps, they have the same after each mean, and before each validation.
        """
        return (step - self.start) % self.train.sync_every == 0 or self.validate_after(step)

    def _reaches(self, step: int, parts: int) -> bool:
        """Whether the `step`-th step completes one of `parts` equal parts of the run."""
        return int(self.progress(step) * parts) > int(self.progress(step - 1) * parts)

    def halve(self, at: int) -> "Plan":
        """Return this plan with half the learning rate from step `at` on."""
        return replace(self, halved_at=at)

    def revise(self, at: int, total: int) -> "Plan":
        """Return this plan with a new total of steps, decided after step `at`."""
        return replace(self, revisions=(*self.revisions, (at, total)))

    def then(self, kept: int, train: TrainConfig, steps: int, validations: int) -> "Plan":
        """Return the plan of a run to step `steps` that continues from this run's model, which has step `kept`.

        A learning rate that was halved stays so.
        """
        halved_at = None if self.halved_at is None else self.total
        return Plan(self.model, train, steps, validations, (), halved_at, self.history(kept))

    def history(self, kept: int) -> tuple[EarlierRun, ...]:
        """Return the earlier runs for a run that continues from this run's model, which has step `kept`."""
        own = EarlierRun(self.train, self.steps, self.validations, self.revisions, self.halved_at, kept)
        return (*self.earlier, own)

    def runs(self) -> tuple["Plan", ...]:
        """Return the plan of each earlier run, and this plan."""
        before = (
            Plan(self.model, run.train, run.steps, run.validations, run.revisions, run.halved_at, self.earlier[:index])
            for index, run in enumerate(self.earlier)
        )
        return (*before, self)

    @property
    def story(self) -> str:
        """The runs in words: "60 steps; 60 more from the weights of step 55"."""
        first, *others = self.runs()
        more = (f"; {run.total - run.start:,} more from the weights of step {run.kept_before:,}" for run in others)
        return plural(first.total, "step") + "".join(more)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for `plan.json`; without earlier runs, in the form that charlm 0.1 reads."""
        values = asdict(self) | {"model": self.model.to_json(), "train": self.train.to_json()}
        values["earlier"] = [asdict(run) | {"train": run.train.to_json()} for run in self.earlier]
        if not self.earlier:
            del values["earlier"]
        return values


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
    if not isinstance(values, dict) or set(values) - {"earlier"} != names:
        raise ConfigError(f"{path} is not a plan that charlm stored: it should have {', '.join(sorted(names))}")
    model = ModelConfig.from_json(values["model"], f"{path} (model)")
    if not model.resolved:
        raise ConfigError(_open(path))
    earlier: list[EarlierRun] = []
    runs = values.get("earlier", [])
    for run in runs if isinstance(runs, list) else [runs]:
        if not isinstance(run, dict) or set(run) != names - {"model"} | {"kept"}:
            raise ConfigError(f"{path}: an earlier run is {str(run)[:30]}, which charlm did not store")
        schedule = _schedule(path, run, earlier[-1].total if earlier else 0)
        earlier.append(EarlierRun(*schedule, kept=_whole(path, run, "kept", least=0 if model.ngram_order else 1)))
        if earlier[-1].kept > earlier[-1].total:
            raise ConfigError(f"{path}: an earlier run kept step {earlier[-1].kept:,}, which it did not reach")
    schedule = _schedule(path, values, earlier[-1].total if earlier else 0)
    return Plan(model, *schedule, earlier=tuple(earlier))


def _schedule(
    path: Path, values: dict[str, Any], start: int
) -> tuple[TrainConfig, int, int, tuple[tuple[int, int], ...], int | None]:
    """Check the fields of a run that begins after `start` steps, and return them in their order."""
    train = TrainConfig.from_json(values["train"], f"{path} (train)")
    if train.learning_rate is None:
        raise ConfigError(_open(path))
    steps, validations = _whole(path, values, "steps", least=start + 1), _whole(path, values, "validations")
    halved_at = None if values["halved_at"] is None else _whole(path, values, "halved_at", least=0)
    return train, steps, validations, _revisions(path, values["revisions"], start, steps), halved_at


def _open(path: Path) -> str:
    return f"{path} has an open size, text mode, n-gram order or learning rate; a stored plan has none"


def _whole(path: Path, values: dict[str, Any], name: str, least: int = 1) -> int:
    value = values[name]
    if type(value) is not int or not least <= value <= _MOST_STEPS:
        raise ConfigError(f"{path}: {name} is {str(value)[:30]}; it should be a whole number of at least {least}")
    return value


def _revisions(path: Path, pairs: object, start: int, steps: int) -> tuple[tuple[int, int], ...]:
    """Check that each revision is made before the end, after the one before, and to a total that is not reached yet."""
    revisions: list[tuple[int, int]] = []
    last, total = start, steps
    for pair in pairs if isinstance(pairs, list) else [pairs]:
        numbers = pair if isinstance(pair, list) and [type(number) for number in pair] == [int, int] else [0, 0]
        at, revised = numbers
        if not last < at < min(total, revised) or revised > _MOST_STEPS:
            raise ConfigError(f"{path}: a revision is {str(pair)[:30]}, which no run can follow")
        revisions.append((at, revised))
        last, total = at, revised
    return tuple(revisions)
