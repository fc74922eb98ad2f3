"""A score in plain values, for JSON."""

from dataclasses import fields
from typing import Any

from charlm.scoring.score import Score

_OPTIONAL = (
    *("bits_per_char_known", "entropies", "ranks", "alternatives", "lengths", "originals"),
    *("gates", "counts_shares", "adapting", "scored_context"),
)


def score_values(score: Score) -> dict[str, Any]:
    """Return the fields of a score by name; those that only some scores have are absent from the others."""
    values = {field.name: getattr(score, field.name) for field in fields(score)}
    return {name: value for name, value in values.items() if value is not None or name not in _OPTIONAL}
