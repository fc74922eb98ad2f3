"""How far one is with a long text, in a line now and then."""

from charlm.cli.output import say
from charlm.data.documents import Reading


class Plain:
    """Called with each Reading, it says one in a while: whenever twice as much is done, or it took twice as long."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._said = ("", 0, 0)

    def __call__(self, event: Reading) -> None:
        now = (event.doing, event.done.bit_length(), int((event.seconds or 0) / 4).bit_length())
        if now != self._said:
            say(line(event), self._quiet)
            self._said = now


def line(event: Reading) -> str:
    """`encoding   23 % of 1,000,000,000 characters`."""
    if event.seconds is not None:
        so_far = f", {event.seconds:.0f} s so far" if event.seconds >= 1 else ""
        return f"{event.doing:<10} learning from {event.done:,} of {event.of:,} characters{so_far}"
    how_far = f"{event.done:,}" if event.of is None else f"{event.done / event.of:.0%} of {event.of:,}"
    return f"{event.doing:<10} {how_far} characters"
