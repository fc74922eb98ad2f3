"""The events of a run that continues an earlier one, or finds none; a part of `events`."""

from dataclasses import dataclass
from pathlib import Path

from charlm.wording import clock, plural


@dataclass(frozen=True)
class Resumed:
    """A run continues after `step` steps; 0 means from the beginning, since no state was intact."""

    step: int
    damaged: tuple[str, ...]  # for each newer state that was passed over, what is wrong with it

    def __str__(self) -> str:
        start = f"at step {self.step:,}" if self.step else "from the beginning, because no complete state was saved"
        return f"resuming {start}"


@dataclass(frozen=True)
class NoEarlierRun:
    """A run was to be resumed, but the folder has none; a new one starts."""

    folder: Path

    def __str__(self) -> str:
        return f"there is no earlier run in {self.folder}; a new one starts"


@dataclass(frozen=True)
class Continued:
    """A run starts from the model of step `kept` of an earlier run, which ended at step `start`."""

    kept: int
    start: int
    steps: int

    def __str__(self) -> str:
        start = f"continuing from the weights of step {self.kept:,}; the learning rate rises and falls again, so the"
        return f"{start} result is not that of one run of {plural(self.steps, 'step')}, and it is kept only if better"


@dataclass(frozen=True)
class AlreadyFinished:
    """The run has had its budget, so nothing was trained. Seconds are those of all runs of the model."""

    model: str
    steps: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.model} has had {plural(self.steps, 'step')} in {clock(self.seconds)}, so nothing was trained"
