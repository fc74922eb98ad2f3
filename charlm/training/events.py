"""The events that training reports. The library reports them; the caller decides how to show them.

`str` of an event is a line for a terminal or a log.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from charlm.data.corpus import Corpus
from charlm.plan import Plan
from charlm.progress import ReadingProgress
from charlm.tasks import DataWarning
from charlm.training.resume_events import AlreadyFinished as AlreadyFinished
from charlm.training.resume_events import Continued as Continued
from charlm.training.resume_events import NoEarlierRun as NoEarlierRun
from charlm.training.resume_events import Resumed as Resumed
from charlm.wording import clock, figure, for_terminal, plural

if TYPE_CHECKING:  # a display can start before torch is imported
    from charlm.data.split import Split
    from charlm.scoring.evaluation import Evaluation

_SAMPLE_LENGTH = 56  # characters of a sample in a line


@dataclass(frozen=True)
class Measuring:
    """The speed of a step is measured, to plan a budget in minutes."""

    def __str__(self) -> str:
        return "measuring  the speed of a training step"


@dataclass(frozen=True)
class Planned:
    """The plan is made, and training begins. Times are in seconds."""

    plan: Plan
    corpus: Corpus
    characters: int  # of the corpus, with one for each line end
    mode_reason: str  # why the corpus is read as lines or as a stream
    size_reason: str  # why the network has its size
    warnings: tuple[DataWarning, ...]  # what the corpus cannot teach
    split: "Split"
    own_valid: bool  # the held-out text is separate, not a part of the corpus
    vocabulary: int
    tokens: int  # training targets in one pass
    parameters: int
    device: str
    recurrence: str  # what runs the time loops on a CPU: an instruction set, or plain torch
    precision: str  # of the factors of the recurrent products
    batch_size: int  # as used
    seq_len: int
    micro_batches: int  # pieces into which a batch is split to fit into the device's memory
    shrunk: bool  # the corpus is too small for the batch size or the window that the plan has
    epochs: float
    seconds: float | None  # expected from now on; None if the speed was not measured
    folder: Path | None
    processes: int = 1  # that train together, each with some rows of every batch
    given_vectors: int | None = None  # tokens whose embedding begins with a vector of a file

    def __str__(self) -> str:
        return f"plan: {self.schedule}; {self.plan.model.brief_shape}, {plural(self.parameters, 'parameter')}"

    @property
    def schedule(self) -> str:
        """The steps of the plan in words."""
        plan = self.plan
        new = plural(plan.total - plan.start, "more step" if plan.start else "step")
        steps = f"{new} of {self.batch_size} × {self.seq_len} tokens"
        processes = f" by {self.processes} processes" if self.processes > 1 else ""
        passes = f"{self.epochs:.1f} passes over the corpus, {plural(plan.validations, 'validation')}"
        duration = f", about {clock(self.seconds)}" if self.seconds is not None else ""
        return f"{steps}{processes} on {self.device} in {self.precision}, {passes}{duration}"


@dataclass(frozen=True)
class Progress:
    """Where the run is; reported several times a second."""

    step: int
    steps: int
    nats_per_token: float  # training loss, smoothed
    bits_per_char: float  # the loss in bits per character of the training text
    gradient_norm: float  # of the last step, before clipping
    learning_rate: float
    characters_per_second: float
    seconds_left: float

    def __str__(self) -> str:
        loss = f"train {self.nats_per_token:.3f} nats  {self.bits_per_char:.3f} bits/char"
        return f"step {self.step:,}/{self.steps:,}  {clock(self.seconds_left)} left  {loss}  {self.rates}"

    @property
    def rates(self) -> str:
        """Gradient norm, learning rate and speed in words."""
        gradient, rate = f"gradient {self.gradient_norm:.2f}", f"learning rate {self.learning_rate:.1e}"
        return f"{gradient}  {rate}  {self.characters_per_second:,.0f} char/s"


@dataclass(frozen=True)
class Previewed:
    """Samples of the current network, always from the empty prompt and with the same random numbers."""

    step: int
    samples: tuple[str, ...]

    def __str__(self) -> str:
        """The beginning of the first sample."""
        sample = " ".join(for_terminal("".join(self.samples[:1])).split())
        return f"step {self.step:,}  sample  {sample[:_SAMPLE_LENGTH]}"


@dataclass(frozen=True)
class Validated:
    """The held-out part was evaluated. `best`: no earlier network was better, and this one is kept."""

    progress: Progress
    evaluation: "Evaluation"
    best: bool
    samples: tuple[str, ...]  # as in Previewed

    def __str__(self) -> str:
        now, star = self.progress, "  best so far" if self.best else ""
        speed = ""  # unknown before the first step of a run that continues from a model
        if math.isfinite(now.nats_per_token):
            speed = f"  train {now.nats_per_token:.3f} nats  {now.bits_per_char:.3f} bits/char"
            speed += f"  {now.characters_per_second:,.0f} char/s  {clock(now.seconds_left)} left"
        bits = figure(self.evaluation.bits_per_char_known, ".3f")
        return (
            f"step {now.step:,}/{now.steps:,}"
            f"  valid {figure(self.evaluation.known_nats_per_token)} nats  {bits} bits/char"
            f"{speed}{star}"
        )


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
    characters_per_second: float  # training targets per second of the training steps
    evaluation: "Evaluation"  # of the model that is kept
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
        valid, unknown = self.evaluation, ""
        if valid.unknown:
            unknown = f" (without {plural(valid.unknown, 'unknown character')})"
        bits = figure(valid.bits_per_char_known, ".3f")
        return f"valid {figure(valid.known_nats_per_token)} nats per token, {bits} bits per character{unknown}"


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
