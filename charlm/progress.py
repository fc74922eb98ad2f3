"""Progress of work that reads a long text, reported through a callback."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

_REPORT_EVERY = 2**24  # characters


@dataclass(frozen=True)
class ReadingProgress:
    """Progress of a pass over a long text.

    activity: what the pass does, in one word, such as `encoding`. done: characters read so far. total: characters in
    all, None if the number is not known yet. seconds: time since the work began, for work whose progress is unknown.
    """

    activity: str
    done: int
    total: int | None
    seconds: float | None = None

    def __str__(self) -> str:
        """Progress in words, such as `encoding   23% of 1,000,000,000 characters`."""
        if self.seconds is not None:
            elapsed = f", {self.seconds:.0f} s so far" if self.seconds >= 1 else ""
            return f"{self.activity:<10} learning from {self.done:,} of {self.total:,} characters{elapsed}"
        amount = f"{self.done:,}" if self.total is None else f"{self.done / self.total:.0%} of {self.total:,}"
        return f"{self.activity:<10} {amount} characters"


OnProgress = Callable[[ReadingProgress], None]


class Doublings:
    """Choose the events that are worth a line: the first of an activity, and then after each doubling of its amount."""

    def __init__(self) -> None:
        self._last = ("", 0, 0)

    def __call__(self, event: ReadingProgress) -> bool:
        before = self._last
        self._last = (event.activity, event.done.bit_length(), int((event.seconds or 0) / 4).bit_length())
        return self._last != before


def ignore(event: object) -> None:
    """Do nothing; the default of every callback."""


class PieceCounter:
    """Counts the characters of a pass over several texts, and reports them every 16 million characters."""

    def __init__(self, activity: str, total: int | None, on_progress: OnProgress) -> None:
        self._activity, self._total, self._on_progress = activity, total, on_progress
        self._done = self._reported = 0

    def count(self, pieces: Iterable[str]) -> Iterator[str]:
        """Yield the pieces of one text unchanged, and count them when the next one is requested."""
        for piece in pieces:
            yield piece
            self._done += len(piece)
            if self._done >= self._reported + _REPORT_EVERY:
                self._reported = self._done
                self._on_progress(ReadingProgress(self._activity, self._done, self._total))
