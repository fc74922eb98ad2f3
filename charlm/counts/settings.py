"""The settings of counts, and a choice of them from the size of a corpus and the time there is."""

from dataclasses import dataclass

from charlm.settings import Settings, check_count
from charlm.task_settings import MAX_BLOCKS, MAX_ORDER, MEGABYTES, MOST_MEGABYTES

MEGABYTE = 2**20
LARGEST_FILE = int(MOST_MEGABYTES * MEGABYTE)  # bytes that a file of counts may have
_BLOCKS = 16
_BYTES_PER_TOKEN = 32  # of memory while counting
_MEMORY = 600 * MEGABYTE  # to count in
_TOKENS_PER_SECOND = 1_200_000  # that are counted, looked up and guessed on one core
_ORDERS = ((2**16, 6), (2**19, 8), (2**21, 10))  # the order for a text of at most this number of tokens
_HIGHEST = 12


@dataclass(frozen=True, repr=False)
class CountSettings(Settings):
    """What to count: n-grams of up to `order` tokens.

    limit: bytes that the counts may take on disk; rare long n-grams are dropped until they fit. 0 keeps every n-gram,
    for counts that are not written.
    blocks: number of contiguous blocks of a running text that are left out in turn. tokens: number of tokens to count,
    evenly spread over the text; 0 counts all.
    """

    order: int = _HIGHEST
    limit: int = int(MEGABYTES * MEGABYTE)
    blocks: int = _BLOCKS
    tokens: int = 0

    def _check(self) -> None:
        check_count("order", self.order, 1, MAX_ORDER)
        check_count("limit", self.limit, 0, LARGEST_FILE)
        check_count("blocks", self.blocks, 2, MAX_BLOCKS)
        check_count("tokens", self.tokens, 0)


def choose(
    tokens: int, seconds: float | None = None, memory: int = _MEMORY, counted: int | None = None
) -> CountSettings:
    """Choose the settings for a text of this many tokens.

    seconds: time to count in; None if there is no limit. memory: bytes to count in. counted: number of tokens to count,
    whatever the time and the memory; 0 counts all, and None leaves the choice open.
    """
    if counted is None:
        counted = min(tokens, memory // _BYTES_PER_TOKEN)
        if seconds is not None:
            counted = min(counted, max(1, int(seconds * _TOKENS_PER_SECOND)))
    counted = min(counted or tokens, tokens)
    order = next((order for most, order in _ORDERS if counted <= most), _HIGHEST)
    return CountSettings(order=order, tokens=counted if counted < tokens else 0)
