"""Events for TensorBoard (https://www.tensorflow.org/tensorboard): curves, and samples as text."""

from pathlib import Path
from typing import Any, Protocol

from charlm.errors import ConfigError
from charlm.raw_bytes import visible
from charlm.training.events import Continued, Event, Previewed, Progress, Resumed, RolledBack, Validated


class Writer(Protocol):
    """The part of torch.utils.tensorboard.SummaryWriter that charlm uses."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> Any: ...
    def add_text(self, tag: str, text_string: str, global_step: int) -> Any: ...
    def close(self) -> Any: ...


def writer(folder: Path, fresh: bool) -> Writer:
    """Open a writer of events in a folder; `fresh` hides what an earlier run wrote there.

    Raises ConfigError if the package is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        need = "events are written by the package tensorboard, which is not installed"
        raise ConfigError(need, remedy="no_tensorboard") from None
    made: Writer = SummaryWriter(str(folder), purge_step=0 if fresh else None)  # type: ignore[no-untyped-call,unused-ignore]
    return made


class Events:
    """A receiver of a run's events, which writes each step once, also if a run repeats steps."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._last_step = -1  # the last step whose figures are written

    def __call__(self, event: Event) -> None:
        match event:
            case Progress():
                self._figures(event)
            case Validated():
                self._figures(event.progress)
                step = event.progress.step
                for tag, value in event.evaluation.curves().items():
                    if value is not None:
                        self._writer.add_scalar(f"{tag}/held out", value, step)
                self(Previewed(step, event.previews))
            case Previewed():
                for number, text in enumerate(event.previews, 1):
                    self._writer.add_text(f"sample {number}", _as_code(text), event.step)
            case Resumed():
                self._last_step = event.step
            case Continued():
                self._last_step = event.start
            case RolledBack():
                self._last_step = event.to

    def __enter__(self) -> "Events":
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.close()

    def _figures(self, now: Progress) -> None:
        if now.step <= self._last_step:
            return
        self._last_step = now.step
        figure = [(f"{now.unit.figure_in_words}/training", now.figure)] if now.unit.figure else []
        for tag, value in (
            ("loss/training", now.loss),
            *figure,
            ("run/gradient norm", now.gradient_norm),
            ("run/learning rate", now.learning_rate),
            (f"run/{now.unit.read} per second", now.speed),
        ):
            self._writer.add_scalar(tag, value, now.step)


def _as_code(text: str) -> str:
    """Indent every line by four spaces, so that TensorBoard's Markdown shows the text unchanged."""
    return "\n".join(f"    {line}" for line in visible(text).split("\n"))
