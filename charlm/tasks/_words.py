"""What a task tells a person: of its data, of a run, and in the model card."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Row = tuple[str, str]  # a label and a text


class DataWarning(NamedTuple):
    """What the data cannot teach, or may not have been meant for; `remedy` is a key as in `CharlmError`."""

    message: str
    remedy: str = ""


class Unit(NamedTuple):
    """The units in which a run tells its loss and its speed.

    target: what the network predicts, one at a time: the loss is in nats per target. figure: the short name of another
    unit of the loss, or "". headline: the short name of the figure of a validation. per_nat: the figure for a loss of
    one nat per target. read: what the speed counts, and `read_short` its short form. per_target: how many of these a
    target is.
    """

    target: str
    figure: str
    figure_in_words: str
    headline: str
    per_nat: float
    read: str
    read_short: str
    per_target: float


class Card(NamedTuple):
    """What a model card says of a model of this task, in Markdown.

    pipeline: the Hub's name of the task. purpose: the first paragraph. rows: of the table. after_table: a paragraph.
    figures: how well the model works. results: the figures as YAML, or "". examples: a section, or "". commands: what
    to ask the model, each a command and its argument. python: one line. program: Python that reads the model without
    charlm, or "". limits: a paragraph.
    """

    pipeline: str
    purpose: str
    rows: Mapping[str, str]
    after_table: str
    figures: str
    results: str
    examples: str
    commands: tuple[tuple[str, str], ...]
    python: str
    program: str
    limits: str


@dataclass(frozen=True)
class About:
    """The data in words, before training.

    before: rows above the network. after: rows below the plan. of_step: the size of a step in words. unit: of the loss.
    notes: on what was read. warnings: what the data cannot teach. shrunk: whether the data is too small for the batch
    size or the length that the plan has. facts: the same in numbers, by name.
    """

    before: tuple[Row, ...]
    after: tuple[Row, ...]
    of_step: str
    unit: Unit
    notes: tuple[str, ...] = ()
    warnings: tuple[DataWarning, ...] = ()
    shrunk: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
