"""Examples of the tasks that are not language models: labeled texts, tagged sentences, pairs of texts, and series.

formats/       read one format of a file each, such as `__label__` lines, tables, and CoNLL columns
detection      find the task and the format of a file
reading        read the examples of files, and the inputs of a prediction
holding_out    split examples into a training part and a held-out part
source         the text of a file, its lines, and limits of what is read
rows, columns  rows of CSV and TSV, and the columns that a user names
numbers, times, shifts    values of a series, regular steps, and parallel texts that do not match

No file of this package imports torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charlm.arguments import named
from charlm.config import ModelConfig
from charlm.errors import ConfigError

LANGUAGE, AUTO = "language", "auto"
# The columns that each task reads, as fields of `Columns`.
COLUMNS_OF = {
    "classify": ("text", "label"),
    "tag": ("token", "tag"),
    "pair": ("source", "target"),
    "series": ("time", "value"),
}
TASKS = (LANGUAGE, *COLUMNS_OF)


class Place(NamedTuple):
    """A line of a file, counted from 1. In a table, it is the line in which the row begins."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


NOWHERE = Place("", 0)


@dataclass(frozen=True)
class Labeled:
    """A text with its labels; an input of a prediction has none. `where` is not part of a comparison."""

    text: str
    labels: tuple[str, ...] = ()
    where: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Tagged:
    """Tokens with one tag each; an input of a prediction has no tags.

    label: the label of the whole sentence, if the file has one. columns: all columns of each token in the file, empty
    if the format has no columns.
    """

    tokens: tuple[str, ...]
    tags: tuple[str, ...] = ()
    label: str | None = None
    columns: tuple[tuple[str, ...], ...] = ()
    where: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Pair:
    """A source and a target. Several pairs may have one source. An input of a prediction has an empty target."""

    source: str
    target: str = ""
    where: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, eq=False)
class Series:
    """Values at regular steps of time.

    times: a text for each value. values: (n,). inputs: (n, k), other numbers that are known for each step.
    """

    name: str
    times: tuple[str, ...]
    values: NDArray[np.float64]
    inputs: NDArray[np.float64]
    where: Place = field(default=NOWHERE, compare=False)


Example = Labeled | Tagged | Pair | Series


@dataclass(frozen=True)
class Columns:
    """The columns to read: each a name, a number from 1, or None for the format's own choice."""

    text: str | int | None = None
    label: str | int | None = None
    source: str | int | None = None
    target: str | int | None = None
    token: str | int | None = None
    tag: str | int | None = None
    time: str | int | None = None
    value: str | int | None = None

    def __post_init__(self) -> None:
        for name, choice in self.given().items():
            if not isinstance(choice, str | int) or isinstance(choice, bool):
                raise TypeError(f"{name}_column must be a name or a number, not {named(choice)}")
            if choice == "" or (isinstance(choice, int) and choice < 1):
                raise ConfigError(f"{name}_column must be a name or a number from 1, not {choice!r}")

    def given(self) -> dict[str, Any]:
        """Return the columns that were chosen."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


def columns_of(model: ModelConfig) -> Columns:
    """Return the columns that a configuration names; a number counts columns from 1."""
    return columns_from(model.columns())


def columns_from(named: Mapping[str, Any]) -> Columns:
    """Return columns by their roles; a text of digits is a number. Raises ConfigError."""
    numbered = {role: int(each) if str(each).isdecimal() else each for role, each in named.items()}
    return Columns(**numbered)
