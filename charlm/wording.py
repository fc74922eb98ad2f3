"""Numbers in text for a person."""

import math


def plural(count: int, noun: str) -> str:
    """A count with its noun: 1 step, 2,000 steps."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def figure(value: float | None, form: str = ".4f") -> str:
    """A number; a dash for one that does not exist or is not finite, such as the perplexity of no tokens."""
    return "–" if value is None or not math.isfinite(value) else format(value, form)
