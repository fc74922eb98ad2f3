"""Line ends of a text. charlm ends a line at LF and at CR LF; any other CR is a character, and is reported."""

from typing import NamedTuple

from charlm.files.origin import Origin

FROM_CR = r"tr '\r' '\n'"
_FROM_ANY = r"perl -pe 's/\r*\n|\r/\n/g'"


class LineEnds(NamedTuple):
    """Counts of the line ends of a text."""

    total: int  # those that are `\\n` or `\\r\\n`
    crlf: int  # those that are `\\r\\n`
    last_is_open: bool  # the last line has no line end
    returns: int = 0  # all `\\r`
    doubled: int = 0  # `\\r\\r\\n`, as a conversion of `\\r\\n` leaves it


class LineEndCounter:
    """Counts the line ends of a text that comes in pieces, cut anywhere."""

    def __init__(self) -> None:
        self._total = self._crlf = self._returns = self._doubled = 0
        self._last = ""  # at most two characters

    def add(self, piece: str) -> None:
        """Count the line ends of the next piece."""
        self._total += piece.count("\n")
        if "\r" in piece or "\r" in self._last:  # a search for one character is much faster than for two
            text = self._last + piece
            self._returns += piece.count("\r")
            self._crlf += text.count("\r\n") - self._last.count("\r\n")
            self._doubled += text.count("\r\r\n")
        self._last = (self._last + piece[-2:])[-2:]

    def counts(self) -> LineEnds:
        """Return the counts of all pieces."""
        return LineEnds(self._total, self._crlf, not self._last.endswith("\n"), self._returns, self._doubled)


def count(text: str) -> LineEnds:
    """Count the line ends of a text."""
    counter = LineEndCounter()
    counter.add(text)
    return counter.counts()


def note_unusual(origin: Origin, ends: LineEnds, notes: list[str]) -> None:
    """Note line ends that differ in one text, and a CR alone, with a command that makes all of them LF."""
    alone, newlines = ends.returns - ends.crlf, ends.total - ends.crlf
    if alone and alone == ends.doubled:
        kinds = {"CR CR LF": ends.doubled, "CR LF": ends.crlf - ends.doubled, "LF": newlines}
    else:
        kinds = {"CR": alone, "CR LF": ends.crlf, "LF": newlines}
    counts = [f"{number:,} {kind}" for kind, number in kinds.items() if number]
    if not alone and len(counts) < 2:
        return
    if alone:
        which = "the first CR of CR CR LF" if alone == ends.doubled else "a CR alone"
        read = f"charlm reads {which} as a character"
    else:
        read = "in running text, charlm reads the CR as a character"
    cure = origin.through(_FROM_ANY if ends.total else FROM_CR)
    notes.append(f"the line ends of {origin.name} are {' and '.join(counts)}; {read}; to make them LF: {cure}")
