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


OnProgress = Callable[[ReadingProgress], None]


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
