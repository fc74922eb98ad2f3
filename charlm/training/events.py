"""What training tells while it runs. The library says it; how it looks is the caller's affair."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from charlm.data.corpus import Corpus
from charlm.plan import Plan
from charlm.progress import ReadingProgress

if TYPE_CHECKING:  # a display need not wait for torch
    from charlm.data.split import Split
    from charlm.scoring.evaluation import Evaluation


@dataclass(frozen=True)
class Planned:
    """The plan is made; training begins. Times are in seconds."""

    plan: Plan
    corpus: Corpus
    why: str  # the kind of sequence was chosen
    why_size: str  # the network has its size
    warnings: tuple[str, ...]  # of what the corpus cannot teach
    split: "Split"
    own_valid: bool  # the held-out text was given, not split off
    vocabulary: int
    tokens: int  # to learn, in one pass
    parameters: int
    device: str
    recurrence: str  # what runs the time loops on a CPU: an instruction set, or plain torch
    precision: str  # of the factors of the recurrent products
    batch_size: int  # as used
    seq_len: int
    parts: int  # that a batch is taken in, one after the other, so that it fits into the device's memory
    shrunk: bool  # the corpus is too small for the batch or the window asked for
    epochs: float
    seconds: float | None  # expected from here on; None where the speed was not measured
    folder: Path | None
    processes: int = 1  # that train together, each with some rows of every batch
    given: int | None = None  # symbols that begin with the vectors of a file


@dataclass(frozen=True)
class Progress:
    """Where training is, some times a second."""

    step: int
    steps: int
    nats_per_token: float  # training loss, smoothed
    bits_per_char: float  # the same in bits per character of the training text
    gradient_norm: float  # of the last step, before clipping
    learning_rate: float
    characters_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class Previewed:
    """What the network writes now: from the same prompt each time, the empty one, and the same random numbers."""

    step: int
    samples: tuple[str, ...]


@dataclass(frozen=True)
class Validated:
    """The held-out part was evaluated; `best`: better than ever before, and kept. `samples` as in Previewed."""

    progress: Progress
    evaluation: "Evaluation"
    best: bool
    samples: tuple[str, ...]


@dataclass(frozen=True)
class Revised:
    """The machine is slower or faster than measured: the total of steps was changed."""

    at: int
    steps: int


@dataclass(frozen=True)
class LossHigh:
    """The smoothed loss is far above that of a guess, `uniform`, as where a learning rate is too high; told once."""

    step: int
    nats_per_token: float
    uniform: float
    learning_rate: float  # at its peak


@dataclass(frozen=True)
class Resumed:
    """A run goes on after `step` steps; 0: from the beginning, no state was whole. `damaged`: those passed over."""

    step: int
    damaged: tuple[str, ...]


@dataclass(frozen=True)
class RolledBack:
    """A loss or gradient was not finite at step `at`: back to the state of step `to`, with half the learning rate."""

    at: int
    to: int
    learning_rate: float


@dataclass(frozen=True)
class NotSaved:
    """The disk did not take something; what was there before is untouched, training goes on and tries again."""

    step: int
    why: str


@dataclass(frozen=True)
class Stopped:
    """The run was asked to stop, and can go on from step `saved`; None: from the beginning only."""

    step: int
    saved: int | None


@dataclass(frozen=True)
class Finished:
    """Training is over, or was stopped; the best model is kept."""

    folder: Path | None
    parameters: int
    steps: int  # trained
    best_step: int
    seconds: float  # of the whole command
    characters_per_second: float  # training targets, over the time in training steps
    evaluation: "Evaluation"  # of the model kept


Event = (
    ReadingProgress
    | Planned
    | Progress
    | Previewed
    | Validated
    | Revised
    | LossHigh
    | Resumed
    | RolledBack
    | NotSaved
    | Stopped
    | Finished
)
Report = Callable[[Event], None]
