"""Targets whose symbols have spaces between them, such as phones: one token for each symbol, and none for the spaces.

A symbol of one character stands for itself, and a longer one for a character of a private area of Unicode, so that a
tokenizer of characters reads it. Words of a language are not such symbols: other texts have further ones.
"""

from collections import Counter
from collections.abc import Sequence

MOST_SYMBOLS, LONGEST_SYMBOL = 1000, 64  # characters
_FIRST = 0xF0000  # of the private characters
_UNKNOWN = chr(_FIRST + MOST_SYMBOLS)  # a longer symbol that training does not have; no vocabulary has it
_MEAN_LENGTH = 4  # characters of a symbol, on average, from which it is a word
_EACH = 5  # times that each symbol occurs, on average
_ONCE = 1000  # symbols, of which at most one is the only one of its kind; otherwise, another text has new ones


def find_symbols(targets: Sequence[str]) -> tuple[str, ...] | None:
    """Return the symbols of several characters if targets consist of symbols with a space between them, or None."""
    if 2 * sum(" " in each for each in targets) <= len(targets):
        return None
    counts = Counter(symbol for each in targets if each for symbol in each.split(" "))
    total = sum(counts.values())
    if "" in counts or len(counts) > MOST_SYMBOLS or total < _EACH * len(counts):
        return None
    if sum(count == 1 for count in counts.values()) * _ONCE > total:
        return None
    if sum(len(symbol) * count for symbol, count in counts.items()) >= _MEAN_LENGTH * total:
        return None
    if any(len(symbol) > LONGEST_SYMBOL or max(symbol) >= chr(_FIRST) for symbol in counts):
        return None
    return tuple(sorted(symbol for symbol in counts if len(symbol) > 1))


def packed(target: str, symbols: Sequence[str]) -> str:
    """Return a target with one character for each symbol."""
    codes = {symbol: chr(_FIRST + index) for index, symbol in enumerate(symbols)}
    return "".join(codes.get(each, each if len(each) < 2 else _UNKNOWN) for each in target.split(" "))


def unpacked(text: str, symbols: Sequence[str]) -> str:
    """Return the target that `packed` was given."""
    return " ".join(_symbol(each, symbols) for each in text)


def _symbol(character: str, symbols: Sequence[str]) -> str:
    index = ord(character) - _FIRST
    return symbols[index] if 0 <= index < len(symbols) else character
