"""The events that training reports. The library reports them; the caller decides how to show them.

`str` of an event is a line for a terminal or a log.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from charlm.plan import Plan
from charlm.progress import ReadingProgress
from charlm.tasks import About, Metrics, Unit
from charlm.training.resume_events import AlreadyFinished as AlreadyFinished
from charlm.training.resume_events import Continued as Continued
from charlm.training.resume_events import NoEarlierRun as NoEarlierRun
from charlm.training.resume_events import Resumed as Resumed
from charlm.wording import clock, for_terminal, plural

_PREVIEW_LENGTH = 56  # characters of a preview in a line


@dataclass(frozen=True)
class Measuring:
    """The speed of a step is measured, to plan a budget in minutes."""

    def __str__(self) -> str:
        return "measuring  the speed of a training step"


@dataclass(frozen=True)
class Planned:
    """The plan is made, and training begins. Times are in seconds."""

    plan: Plan
    about: About  # the data, in words
    size_reason: str  # why the network has its size
    parameters: int
    device: str
    recurrence: str  # what runs the time loops on a CPU: an instruction set, or plain torch
    precision: str  # of the factors of the recurrent products
    micro_batches: int  # pieces into which a batch is split to fit into the device's memory
    epochs: float
    seconds: float | None  # expected from now on; None if the speed was not measured
    folder: Path | None
    processes: int = 1  # that train together, each with some rows of every batch
    sha256: str = ""  # of the data

    def __str__(self) -> str:
        return f"plan: {self.schedule}; {self.plan.model.brief_shape}, {plural(self.parameters, 'parameter')}"

    @property
    def schedule(self) -> str:
        """The steps of the plan in words."""
        plan = self.plan
        new = plural(plan.total - plan.start, "more step" if plan.start else "step")
        steps = f"{new} of {self.about.of_step}"
        processes = f" by {self.processes} processes" if self.processes > 1 else ""
        if plan.train.sync_every > 1:
            processes += f", with the mean of their weights after {plan.train.sync_every} steps,"
        passes = f"{self.epochs:.1f} passes over the corpus, {plural(plan.validations, 'validation')}"
        duration = f", about {clock(self.seconds)}" if self.seconds is not None else ""
        return f"{steps}{processes} on {self.device} in {self.precision}, {passes}{duration}"


@dataclass(frozen=True)
class Progress:
    """Where the run is; reported several times a second."""

    step: int
    steps: int
    loss: float  # of training, smoothed, in nats per target
    gradient_norm: float  # of the last step, before clipping
    learning_rate: float
    speed: float  # what the unit counts, per second
    seconds_left: float
    unit: Unit

    @property
    def figure(self) -> float:
        """The loss in the other unit, such as bits per character; in nats if there is none."""
        return self.loss * self.unit.per_nat

    @property
    def brief(self) -> str:
        """The loss in a line of a log."""
        figure = f"  {self.figure:.3f} {self.unit.figure}" if self.unit.figure else ""
        return f"{self.loss:.3f} nats{figure}"

    def __str__(self) -> str:
        step = f"step {self.step:,}/{self.steps:,}  {clock(self.seconds_left)} left"
        return f"{step}  train {self.brief}  {self.rates}"

    @property
    def rates(self) -> str:
        """Gradient norm, learning rate and speed in words."""
        gradient, rate = f"gradient {self.gradient_norm:.2f}", f"learning rate {self.learning_rate:.1e}"
        return f"{gradient}  {rate}  {self.speed:,.0f} {self.unit.read_short}"


@dataclass(frozen=True)
class Previewed:
    """What the current network does, always asked the same with the same random numbers."""

    step: int
    previews: tuple[str, ...]

    def __str__(self) -> str:
        """The beginning of the first preview."""
        preview = " ".join(for_terminal("".join(self.previews[:1])).split())
        return f"step {self.step:,}  sample  {preview[:_PREVIEW_LENGTH]}"


@dataclass(frozen=True)
class Validated:
    """The held-out part was evaluated. `best`: no earlier network was better, and this one is kept."""

    progress: Progress
    evaluation: Metrics
    best: bool
    previews: tuple[str, ...]  # as in Previewed
    answered: str = ""  # what answered before the first step, without a trained network

    def __str__(self) -> str:
        now, star = self.progress, "  best so far" if self.best else ""
        speed = ""  # unknown before the first step of a run that continues from a model
        if math.isfinite(now.loss):
            speed = f"  train {now.brief}  {now.speed:,.0f} {now.unit.read_short}  {clock(now.seconds_left)} left"
        by = f" ({self.answered})" if self.answered else ""
        return f"step {now.step:,}/{now.steps:,}  valid {self.evaluation.brief}{by}{speed}{star}"


@dataclass(frozen=True)
class Revised:
    """The total of steps was changed, because the machine is slower or faster than measured."""

    at: int
    steps: int

    def __str__(self) -> str:
        return f"speed changed at step {self.at:,}; now {plural(self.steps, 'step')}"


@dataclass(frozen=True)
class LossHigh:
    """The smoothed loss is far above that of a blind guess, as with a learning rate that is too high; reported once."""

    step: int
    nats_per_token: float
    uniform: float  # the loss of a blind guess
    learning_rate: float  # at its peak

    def __str__(self) -> str:
        loss = f"the loss is {self.nats_per_token:.2f} nats, higher than that of a random guess ({self.uniform:.2f})"
        return f"step {self.step:,}: {loss}"


@dataclass(frozen=True)
class RolledBack:
    """The loss or its gradient was not finite at step `at`: back to the state of step `to`, at half the rate."""

    at: int
    to: int
    learning_rate: float

    def __str__(self) -> str:
        back = f"back to step {self.to:,} with a peak learning rate of {self.learning_rate:g}"
        return f"step {self.at:,}: the loss or its gradient is not finite; {back}"


@dataclass(frozen=True)
class NotSaved:
    """The disk refused a write. What it had before is untouched; training continues, and the next save tries again."""

    step: int
    why: str

    def __str__(self) -> str:
        kept = "training continues, and what was saved earlier is kept"
        return f"step {self.step:,}: not saved: {self.why}; {kept}"


@dataclass(frozen=True)
class NotLocked:
    """The file system cannot lock the model's folder, so nothing keeps another process from training it too."""

    folder: Path
    why: str

    def __str__(self) -> str:
        return (
            f"{self.folder} is not locked, because the file system refuses locks ({self.why}); do not train this model"
            " in another process at the same time"
        )


@dataclass(frozen=True)
class Stopped:
    """The run was asked to stop, and can continue from step `saved`; None means from the beginning."""

    step: int
    saved: int | None

    def __str__(self) -> str:
        state = "no state was saved" if self.saved is None else f"the state of step {self.saved:,} is saved"
        return f"stopped at step {self.step:,}; {state}"


@dataclass(frozen=True)
class Finished:
    """Training is complete, or was stopped; the best model is kept."""

    folder: Path | None
    parameters: int
    steps: int  # trained
    best_step: int
    seconds: float  # of the whole command
    speed: float  # what the unit counts, per second of the training steps
    unit: Unit
    evaluation: Metrics  # of the model that is kept
    start: int = 0  # steps before this run

    def __str__(self) -> str:
        return f"done: {self.outcome}"

    @property
    def outcome(self) -> str:
        """The steps, and the model that is kept, in words."""
        best = f", best at step {self.best_step:,}" if self.best_step != self.steps else ""
        if self.best_step <= self.start:
            best = f"; no later network is better than that of step {self.best_step:,}, which is kept"
        return f"{plural(self.steps, 'step')} in {clock(self.seconds)}{best}: {self._result}"

    @property
    def kept(self) -> str:
        """The model that is kept, in words."""
        return f"step {self.best_step:,}: {self._result}"

    @property
    def _result(self) -> str:
        return f"valid {self.evaluation.sentence}"


Event = (
    ReadingProgress
    | Measuring
    | Planned
    | Progress
    | Previewed
    | Validated
    | Revised
    | LossHigh
    | Resumed
    | NoEarlierRun
    | Continued
    | AlreadyFinished
    | RolledBack
    | NotSaved
    | NotLocked
    | Stopped
    | Finished
)
Report = Callable[[Event], None]


def both(first: Report, second: Report) -> Report:
    """Return a receiver that passes each event on to two others."""

    def report(event: Event) -> None:
        first(event)
        second(event)

    return report
