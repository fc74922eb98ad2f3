"""Numbers in text: values of a series, and labels that are measurements."""

import math
import re
from collections.abc import Sequence

from charlm.errors import CorpusError
from charlm.examples import Place
from charlm.wording import quoted

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
MISSING = {"", "na", "n/a", "nan", "null", "none", "-", "?"}  # in lower case


def is_number(text: str) -> bool:
    """Return whether a text is a decimal number, which may have an exponent."""
    return bool(_NUMBER.fullmatch(text.strip()))


def is_measurement(text: str) -> bool:
    """Return whether a text is a number that is not whole, such as 0.37."""
    return is_number(text) and math.isfinite(value := float(text)) and value != int(value)


def number(where: Place, text: str, what: str) -> float:
    """Return a number. Raises CorpusError if the text is not one, or not finite. what: such as "column 'y'"."""
    text = text.strip()
    if text.lower() in MISSING:
        raise CorpusError(f"{where} has a gap at {what}; fill it, or keep the rows on one side of it")
    if not is_number(text):
        raise CorpusError(f"{where} has {quoted(text)} in {what}, which is not a number; write numbers as 1234.5")
    value = float(text)
    if not math.isfinite(value):
        raise CorpusError(f"{where} has {quoted(text)} in {what}, which is too large for a number")
    return value


def measurement(values: Sequence[str]) -> int | None:
    """Return the index of the first number that is not whole, if all values are numbers; otherwise None."""
    if not all(map(is_number, values)):
        return None
    return next((index for index, value in enumerate(values) if is_measurement(value)), None)
