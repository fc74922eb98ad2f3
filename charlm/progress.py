"""Progress of work that reads a long text, reported through a callback."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

_TELL_EVERY = 2**24  # characters


@dataclass(frozen=True)
class Reading:
    """Of a text that takes time: what is done with it, and how many of its characters that is done with.

    seconds: so long so far, of what does not say how far it is with these characters.
    """

    doing: str
    done: int
    of: int | None  # None: not known yet
    seconds: float | None = None


Tell = Callable[[Reading], None]


class Told:
    """Gives the same pieces, and tells now and then how far one is, if that is long; to be called for each text."""

    def __init__(self, doing: str, of: int | None, tell: Tell) -> None:
        self._doing, self._of, self._tell = doing, of, tell
        self._done = self._at = 0

    def __call__(self, pieces: Iterable[str]) -> Iterator[str]:
        for piece in pieces:
            yield piece
            self._done += len(piece)
            if self._done >= self._at + _TELL_EVERY:
                self._at = self._done
                self._tell(Reading(self._doing, self._done, self._of))
