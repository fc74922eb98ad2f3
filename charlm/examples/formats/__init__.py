"""File formats of examples: the contract `Format`. Each file of this folder reads one format."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

from charlm.errors import CorpusError
from charlm.examples import AUTO, Columns, Example, Labeled, Pair, Place, Tagged
from charlm.examples.source import Source
from charlm.wording import plural

MOST_KINDS = 200  # different labels of a column from which a task is detected
_EACH = 5  # times that each of them occurs, on average
_NEARLY_ALL = 0.98  # share of the lines that have the form of a format; the reader names the others
TEXT_NAMES = ("text", "sentence", "review", "message", "content", "comment", "tweet", "utterance", "question")
LABEL_NAMES = ("label", "labels", "class", "category", "target", "sentiment", "intent", "topic", "language")
SOURCE_NAMES = ("source", "src", "input", "word")
TARGET_NAMES = ("target", "tgt", "output", "translation", "pronunciation")


class Recognition(NamedTuple):
    """A task that a file is for, the reason in a short phrase, and the columns that are read."""

    task: str
    reason: str
    columns: Columns = Columns()


class Format(ABC):
    """A format of files of examples."""

    order: ClassVar[int]  # formats with a lower one are tried first
    tasks: ClassVar[tuple[str, ...]]  # the tasks that a file of this format can be read for

    @abstractmethod
    def recognize(self, source: Source, task: str, columns: Columns) -> Recognition | None:
        """Return what the beginning of a file is for, or None if it does not have this format.

        If `task` is "auto", the file may be plain text, and must not be taken for anything else. Otherwise, the user
        asks for one of `tasks`, and the form of the lines is enough. Raises CorpusError if two readings are possible.
        """

    @abstractmethod
    def examples(self, source: Source, task: str, columns: Columns, notes: list[str]) -> Iterator[Example]:
        """Yield the examples of a file that was recognized with these columns, and note what is left out.

        Raises CorpusError, with file and line, for a line that is not an example.
        """

    def inputs(self, source: Source, task: str, columns: Columns) -> Iterator[Example]:
        """Yield an example without answers for each input. By default, each line is an input, also a blank one."""
        for number, line in enumerate(source.lines, 1):
            yield plain_input(task, line, source.at(number))


def plain_input(task: str, text: str, where: Place) -> Example:
    """Return the input of a task that a line of plain text is."""
    if task == "classify":
        return Labeled(text, (), where)
    if task == "pair":
        return Pair(text, "", where)
    if task == "tag":
        return Tagged(tuple(text.split()), where=where)
    raise CorpusError(f"{where} is not part of a table of numbers; give the values of a series in a table")


def nearly_all(lines: Sequence[Any], matching: int, task: str = AUTO) -> bool:
    """Return whether so many lines match that the others are mistakes in a file of this format.

    If the user names the task, half of them are enough.
    """
    if not is_auto(task):
        return matching > 0 and 2 * matching >= len(lines)
    return matching > 0 and (matching == len(lines) or (len(lines) >= 50 and matching >= _NEARLY_ALL * len(lines)))


def is_kind(values: Sequence[str]) -> bool:
    """Return whether a column has few different values, which repeat, so that they can be labels."""
    different = len(set(values))
    return different <= MOST_KINDS and len(values) >= _EACH * different


def is_diverse(values: Sequence[str]) -> bool:
    """Return whether most values of a column differ."""
    return len(values) < 2 * len(set(values))


def several_kinds(values: Sequence[str]) -> bool:
    """Return whether there are two different values or more."""
    return len(Counter(values)) > 1


def kinds_in_words(source: Source, values: Sequence[str], noun: str = "label") -> str:
    """Return the number of different values in words: 6 labels."""
    return ("at least " if source.is_cut else "") + plural(len(set(values)), noun)


def by_number(columns: Columns, *roles: str) -> bool:
    """Return whether no column is chosen by a name: each of these is None, a number, or the digits of one."""
    return all(choice is None or str(choice).isdecimal() for choice in (getattr(columns, role) for role in roles))


def is_auto(task: str) -> bool:
    """Return whether the task is to be detected."""
    return task == AUTO
