"""Scores as JSON: one object per text."""

from typing import Any

from charlm.cli.formats import ONE_TOKENIZATION, ScoreWriter
from charlm.cli.output import write_json
from charlm.scoring.measure import NATS
from charlm.scoring.score import Score
from charlm.scoring.values import score_values

_LOGARITHMS = ("logprobs", "logprob", "logprob_known", "entropies", "alternatives")


class Json(ScoreWriter):
    """The fields of a Score, and the base of its logarithms."""

    order = 20
    flag = "Print one JSON object per line on stdout, and nothing else."

    def note(self, convention: str, *, one_tokenization: bool) -> str:
        return f"the scores are {ONE_TOKENIZATION}" if one_tokenization else ""

    def add(self, score: Score) -> None:
        base = self._logarithms.logprob
        values = score_values(score)
        for name in _LOGARITHMS if base != "e" else ():
            if name in values:
                values[name] = _divided(values[name], NATS[base])
        write_json({**values, "base": base, **self.of_files})


def _divided(value: Any, nats: float) -> Any:
    """Divide the numbers in nested lists and pairs by `nats`."""
    if isinstance(value, list | tuple):
        return [_divided(each, nats) for each in value]
    return value / nats if isinstance(value, float) else value
