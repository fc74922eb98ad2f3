"""What training tells, as events for TensorBoard: curves, and samples as text.

https://www.tensorflow.org/tensorboard. A run that goes on adds to those that are there.
"""

from pathlib import Path
from typing import Any, Protocol

from charlm.errors import ConfigError
from charlm.training.events import Event, Previewed, Progress, Resumed, RolledBack, Validated


class Writer(Protocol):
    """As torch.utils.tensorboard.SummaryWriter writes."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> Any: ...
    def add_text(self, tag: str, text_string: str, global_step: int) -> Any: ...
    def close(self) -> Any: ...


def writer(folder: Path, fresh: bool) -> Writer:
    """Events in a folder; `fresh`: what an earlier run left there is shown no more.

    Raises ConfigError where the package is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        need = "events are written by the package tensorboard, which is not installed"
        raise ConfigError(f"{need}: pip install tensorboard, or leave --tensorboard out") from None
    made: Writer = SummaryWriter(str(folder), purge_step=0 if fresh else None)  # type: ignore[no-untyped-call,unused-ignore]
    return made


class Events:
    """A listener of a run; each step is told once, and what a run takes up again is not told twice."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._told = -1  # the last step that has its figures

    def __call__(self, event: Event) -> None:
        match event:
            case Progress():
                self._figures(event)
            case Validated():
                self._figures(event.progress)
                step, found = event.progress.step, event.evaluation
                self._writer.add_scalar("loss/held out", found.known_nats_per_token, step)
                if found.bits_per_char_known is not None:
                    self._writer.add_scalar("bits per character/held out", found.bits_per_char_known, step)
                self(Previewed(step, event.samples))
            case Previewed():
                for number, text in enumerate(event.samples, 1):
                    self._writer.add_text(f"sample {number}", _as_code(text), event.step)
            case Resumed():
                self._told = event.step
            case RolledBack():
                self._told = event.to

    def __enter__(self) -> "Events":
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.close()

    def _figures(self, now: Progress) -> None:
        if now.step <= self._told:
            return
        self._told = now.step
        for tag, value in (
            ("loss/training", now.nats_per_token),
            ("bits per character/training", now.bits_per_char),
            ("run/gradient norm", now.gradient_norm),
            ("run/learning rate", now.learning_rate),
            ("run/characters per second", now.characters_per_second),
        ):
            self._writer.add_scalar(tag, value, now.step)


def _as_code(text: str) -> str:
    """Text as TensorBoard's Markdown shows it unchanged: every line indented by four."""
    return "\n".join(f"    {line}" for line in text.split("\n"))
