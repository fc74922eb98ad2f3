"""The lines of `train(progress=True)`: the events of a run, for an output in which nothing is redrawn."""

from collections.abc import Iterator
from contextlib import suppress
from typing import TextIO

from charlm.advice import advice
from charlm.progress import Doublings, ReadingProgress
from charlm.training.events import Event, Finished, Planned, Previewed, Progress, Stopped

_LINE_EVERY = 0.05  # share of the run between two lines of progress


class Milestones:
    """Choose the events of a run that are worth a line; progress is reported too often."""

    def __init__(self) -> None:
        self._reading = Doublings()
        self._next_line = _LINE_EVERY

    def __call__(self, event: Event) -> bool:
        match event:
            case ReadingProgress():
                return self._reading(event)
            case Progress():
                is_due = event.step >= self._next_line * event.steps
                if is_due:
                    self._next_line = event.step / event.steps + _LINE_EVERY
                return is_due
            case Previewed():
                return bool(event.previews)
        return True


class ProgressLines:
    """A receiver of a run's events that writes lines to a stream. None is a stream that does not exist."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._is_due = Milestones()
        self._stopped = False

    def __call__(self, event: Event) -> None:
        self._stopped |= isinstance(event, Stopped)
        if self._stream is not None and self._is_due(event):
            with suppress(OSError, ValueError):  # nobody reads it any more
                self._stream.write("".join(f"{line}\n" for line in self._lines(event)))
                self._stream.flush()

    def _lines(self, event: Event) -> Iterator[str]:
        if isinstance(event, Finished) and self._stopped:  # "done" would contradict "stopped"
            yield f"best: {event.kept}"
        else:
            yield str(event)
        if isinstance(event, Planned):
            yield from (f"note: {note}" for note in event.about.notes)
            for message, remedy in event.about.warnings:
                words = advice(remedy, {})
                yield f"note: {message}{'. ' if words else ''}{words}"
