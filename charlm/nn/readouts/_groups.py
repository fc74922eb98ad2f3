"""The groups of an adaptive readout: where they end in the order of frequency, and how wide their tails are."""

from itertools import pairwise

_BORDERS = (1 / 64, 1 / 16, 1 / 4)  # ends of the usual shortlist and of all groups but the last, as shares of V
_NARROWING = 2  # the width of each tail over that of the next


def group_bounds(vocabulary_size: int, shortlist: int | None = None) -> list[tuple[int, int]]:
    """Return the first position and the end of each group; the shortlist is before the first.

    A given shortlist replaces the usual ends of groups that it covers. At least the last token is in a group.
    """
    ends = [max(2, int(share * vocabulary_size)) for share in _BORDERS]
    first = max(1, min(shortlist or ends[0], vocabulary_size - 1))
    return list(pairwise(sorted({first, *(end for end in ends if end > first), vocabulary_size})))


def group_width(hidden_size: int, number: int) -> int:
    """Return the width of the tail of a group; the first has number 1."""
    width: int = hidden_size // _NARROWING**number
    return max(1, width)
