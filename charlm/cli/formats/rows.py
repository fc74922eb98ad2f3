"""Scores for programs: one JSON object a text, or tab-separated values, a row a token."""

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from charlm.cli.formats.figures import Logarithms, names
from charlm.cli.output import write, write_json
from charlm.scoring.measure import NATS

if TYPE_CHECKING:
    from charlm.scoring.score import Score

_LOGARITHMS = ("logprobs", "logprob", "logprob_known", "entropies", "alternatives")
_WHERE_THERE = ("bits_per_char_known", "entropies", "ranks", "alternatives", "lengths", "adapting")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class Json:
    """The fields of a Score, and the base of its logarithms."""

    def __init__(self, logarithms: Logarithms) -> None:
        self._base = logarithms.logprob

    def add(self, found: "Score") -> None:
        values = {field.name: getattr(found, field.name) for field in fields(found)}
        for name in _WHERE_THERE:
            if values[name] is None:
                del values[name]
        for name in _LOGARITHMS if self._base != "e" else ():
            if name in values:
                values[name] = _divided(values[name], NATS[self._base])
        write_json({**values, "base": self._base})

    def end(self) -> None:
        """Nothing comes after the last object."""


class Tsv:
    """Under a header that names the units: sentence and position from 1; empty fields for what is not known."""

    def __init__(self, logarithms: Logarithms) -> None:
        self._logarithms = logarithms
        self._sentence = 0
        logprob, surprisal = logarithms.names
        columns = ["sentence", "position", "token", f"logprob_{logprob}", f"surprisal_{surprisal}"]
        write("\t".join([*columns, f"entropy_{surprisal}", "rank"]) + "\n")

    def add(self, found: "Score") -> None:
        self._sentence += 1
        given, scored = names(found, lambda token: token.translate(_ESCAPES))
        rows = [[name, "", "", "", ""] for name in given]
        rows += [[name, *self._figures(found, place)] for place, name in enumerate(scored)]
        lines = ("\t".join([str(self._sentence), str(place), *row]) for place, row in enumerate(rows, start=1))
        write("".join(f"{line}\n" for line in lines))

    def _figures(self, found: "Score", place: int) -> list[str]:
        logprob, nats = found.logprobs[place], NATS[self._logarithms.surprisal]
        figures = [f"{logprob / NATS[self._logarithms.logprob]:.9g}", f"{0.0 - logprob / nats:.9g}"]
        if found.entropies is None or found.ranks is None:
            return [*figures, "", ""]
        return [*figures, f"{found.entropies[place] / nats:.9g}", str(found.ranks[place])]

    def end(self) -> None:
        """Nothing comes after the last row."""


def _divided(value: Any, nats: float) -> Any:
    """The numbers in lists and pairs, in units of so many nats."""
    if isinstance(value, list | tuple):
        return [_divided(each, nats) for each in value]
    return value / nats if isinstance(value, float) else value
