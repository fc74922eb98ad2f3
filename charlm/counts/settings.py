"""The settings of counts, and a choice of them from the size of a corpus and the time there is."""

from dataclasses import dataclass

from charlm.settings import Settings, check_count
from charlm.task_settings import MAX_ORDER

LARGEST = 32 * 2**20  # bytes of a file of counts, by default
LARGEST_FILE = 2**27  # bytes that a file of counts may have
BLOCKS = 16  # of a running text, each of which is left out in turn
MAX_BLOCKS = 64
_BYTES_PER_TOKEN = 32  # of memory while counting
_TOKENS_PER_SECOND = 1_500_000  # that are counted and looked up on one core
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
    limit: int = LARGEST
    blocks: int = BLOCKS
    tokens: int = 0

    def _check(self) -> None:
        check_count("order", self.order, 1, MAX_ORDER)
        check_count("limit", self.limit, 0, LARGEST_FILE)
        check_count("blocks", self.blocks, 2, MAX_BLOCKS)
        check_count("tokens", self.tokens, 0)


def choose(tokens: int, seconds: float, memory: int = 600 * 2**20, limit: int = LARGEST) -> CountSettings:
    """Choose the settings for a text of this many tokens.

    seconds: time to count in. memory: bytes to count in.
    """
    counted = min(tokens, memory // _BYTES_PER_TOKEN, max(1, int(seconds * _TOKENS_PER_SECOND)))
    order = next((order for most, order in _ORDERS if counted <= most), _HIGHEST)
    return CountSettings(order=order, limit=limit, tokens=counted if counted < tokens else 0)
