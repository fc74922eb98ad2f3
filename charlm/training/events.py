"""The events that training reports. The library reports them; the caller decides how to show them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from charlm.data.corpus import Corpus
from charlm.plan import Plan
from charlm.progress import ReadingProgress
from charlm.tasks import DataWarning

if TYPE_CHECKING:  # a display can start before torch is imported
    from charlm.data.split import Split
    from charlm.scoring.evaluation import Evaluation


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


@dataclass(frozen=True)
class Previewed:
    """Samples of the current network, always from the empty prompt and with the same random numbers."""

    step: int
    samples: tuple[str, ...]


@dataclass(frozen=True)
class Validated:
    """The held-out part was evaluated. `best`: no earlier network was better, and this one is kept."""

    progress: Progress
    evaluation: "Evaluation"
    best: bool
    samples: tuple[str, ...]  # as in Previewed


@dataclass(frozen=True)
class Revised:
    """The total of steps was changed, because the machine is slower or faster than measured."""

    at: int
    steps: int


@dataclass(frozen=True)
class LossHigh:
    """The smoothed loss is far above that of a blind guess, as with a learning rate that is too high; reported once."""

    step: int
    nats_per_token: float
    uniform: float  # the loss of a blind guess
    learning_rate: float  # at its peak


@dataclass(frozen=True)
class Resumed:
    """A run continues after `step` steps; 0 means from the beginning, since no state was intact."""

    step: int
    damaged: tuple[str, ...]  # for each newer state that was passed over, what is wrong with it


@dataclass(frozen=True)
class RolledBack:
    """The loss or its gradient was not finite at step `at`: back to the state of step `to`, at half the rate."""

    at: int
    to: int
    learning_rate: float


@dataclass(frozen=True)
class NotSaved:
    """The disk refused a write. What it had before is untouched; training continues, and the next save tries again."""

    step: int
    why: str


@dataclass(frozen=True)
class Stopped:
    """The run was asked to stop, and can continue from step `saved`; None means from the beginning."""

    step: int
    saved: int | None


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
