"""Find the task and the format of files from their beginnings.

Plain text is a language model, whatever it looks like. A format must fit nearly every line, and nothing but a file of
examples may look like that. Where two readings are possible, the error says how to choose one.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from charlm import registry
from charlm.data.documents import PIECE
from charlm.errors import ConfigError, CorpusError
from charlm.examples import AUTO, COLUMNS_OF, LANGUAGE, TASKS, Columns, Example, Labeled, Pair, Series, Tagged
from charlm.examples.formats import Format, Recognition
from charlm.examples.source import Source, beginning, from_text, read_with_examples
from charlm.wording import nearest, plural, quoted

_SHOWN = 60  # characters of a text in the description of an example
_FIRST = 2**16  # characters among which the first example is
_SHOWN_ITEMS = 5  # tokens, values
_HOW = {
    "classify": "write a label, a tab, and a text on each line",
    "tag": "write a token, a tab, and its tag on each line, and a blank line after each sentence",
    "pair": "write a source, a tab, and its target on each line, or give a file of sources and one of their targets",
    "series": "write a header and a column of numbers, as CSV",
}

NO_COLUMNS = Columns()
Files = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


@dataclass(frozen=True)
class Detected:
    """What files are for.

    task: one of charlm.examples.TASKS. format: the name of a file of charlm/examples/formats, or "text". reason: a
    short phrase, such as "every line begins with __label__". first: the first example in words. columns: those that are
    read.
    """

    task: str
    format: str
    reason: str
    first: str = ""
    columns: Columns = NO_COLUMNS


def detect(files: Files, task: str = AUTO, columns: Columns = NO_COLUMNS) -> Detected:
    """Return what files are for; at most the first megabyte of each is read.

    task: read them for this task, in whatever format they have. columns: the columns to read, which may also decide the
    task. stdin, pipes, and folders are plain text. Raises ConfigError for an unknown task, CorpusNotFoundError if a
    file does not exist, and CorpusError if two readings are possible, files differ, or no format fits. Only
    `read_examples` knows parallel files.
    """
    wanted = wanted_task(task, columns)
    if wanted == LANGUAGE:
        return Detected(LANGUAGE, "text", "the task was chosen")
    return agreed([(name, _detect_file(name, wanted, columns)) for name in paths(files)])


def paths(files: Files) -> list[str]:
    """Return the names of one file, or of several."""
    return [os.fspath(files)] if isinstance(files, str | os.PathLike) else [os.fspath(path) for path in files]


def agreed(detected: list[tuple[str, Detected]]) -> Detected:
    """Return what the first file is for. Raises CorpusError unless all files have one task and one format."""
    name, first = detected[0]
    for other, each in detected[1:]:
        if (each.task, each.format, each.columns) != (first.task, first.format, first.columns):
            raise CorpusError(
                f"{other} is read as {_worded(each)}, and {name} as {_worded(first)}; give files of one format",
                remedy="name_task",
                first=LANGUAGE,
                second=first.task if first.task != LANGUAGE else each.task,
            )
    return first


def detect_source(source: Source, task: str, columns: Columns) -> Detected:
    """Return what the beginning of a file is for. `task` is "auto" or a task; `detect` says what is raised."""
    if known := recognized(source, task, columns):
        each, recognition = known
        first = next(iter(each.examples(head(source, _FIRST), recognition.task, recognition.columns, [])), None)
        shown = "" if first is None else describe(first)
        return Detected(recognition.task, registry.name_of(each), recognition.reason, shown, recognition.columns)
    if task == AUTO:
        return Detected(LANGUAGE, "text", "the file is plain text")
    raise CorpusError(f"{source.name} is plain text, without examples for the task {task}; {_HOW[task]}")


def recognized(source: Source, task: str, columns: Columns) -> tuple[Format, Recognition] | None:
    """Return the format of the beginning of a file, and what it is for; None if no format fits.

    Raises CorpusError if two readings are possible.
    """
    for each in formats():
        if task in (AUTO, *each.tasks) and (recognition := each.recognize(source, task, columns)):
            return each, recognition
    return None


@cache
def formats() -> tuple[Format, ...]:
    """Return all formats, in the order in which they are tried."""
    known = [registry.find(Format, name)() for name in registry.names("examples.formats")]
    return tuple(sorted(known, key=lambda each: each.order))


def format_named(name: str) -> Format:
    """Return a format by its name. Raises UnknownNameError."""
    return registry.find(Format, name)()


def wanted_task(task: str, columns: Columns) -> str:
    """Return the task that the user chose, by its name or by columns of one task; otherwise "auto"."""
    if task not in (AUTO, *TASKS):
        near = nearest(task, TASKS)
        hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(TASKS)}"
        raise ConfigError(f"no task is named {task[:40]!r}; {hint}")
    by_columns = [name for name, roles in COLUMNS_OF.items() if set(roles) & set(columns.given())]
    wanted = task if task != AUTO else (by_columns or [AUTO])[0]
    wrong = [role for role in columns.given() if role not in COLUMNS_OF.get(wanted, ())]
    if wrong:
        raise ConfigError(
            f"{wrong[0]}_column is not a setting of the task {wanted}",
            remedy="leave_out",
            settings=[f"{role}_column" for role in wrong],
        )
    return wanted


def describe(example: Example) -> str:
    """Return an example in words, for a user who checks that the right columns are read."""
    if isinstance(example, Labeled):
        labels = ", ".join(quoted(label) for label in example.labels)
        return f"text = {quoted(example.text, _SHOWN)}, label = {labels}"
    if isinstance(example, Pair):
        return f"source = {quoted(example.source, _SHOWN)}, target = {quoted(example.target, _SHOWN)}"
    if isinstance(example, Tagged):
        pairs = [f"{quoted(token)} = {quoted(tag)}" for token, tag in zip(example.tokens, example.tags, strict=True)]
        label = f"; label = {quoted(example.label)}" if example.label else ""
        return ", ".join(pairs[:_SHOWN_ITEMS]) + (", …" if len(pairs) > _SHOWN_ITEMS else "") + label
    assert isinstance(example, Series)
    values = ", ".join(f"{value:g}" for value in example.values[:_SHOWN_ITEMS])
    more = ", …" if len(example.values) > _SHOWN_ITEMS else ""
    inputs = f"; {plural(example.inputs.shape[1], 'input')}" if example.inputs.shape[1] else ""
    return f"series {quoted(example.name)} from {quoted(example.times[0])}: {values}{more}{inputs}"


def _detect_file(name: str, task: str, columns: Columns) -> Detected:
    source = beginning(name)
    if source is None:
        if task == AUTO:
            return Detected(LANGUAGE, "text", "the file is plain text")
        if not os.path.isfile(name):
            raise CorpusError(f"{name} is not a file, so its examples cannot be looked at before they are read")
        source = head(read_with_examples(name, []))
    return detect_source(source, task, columns)


def head(source: Source, length: int = PIECE) -> Source:
    """Return the beginning of a text, up to the last line end among the first `length` characters.

    Return the whole text if it is shorter, or if its first line is longer.
    """
    end = max(source.text.rfind("\n", 0, length), source.text.rfind("\r", 0, length)) + 1
    if len(source.text) <= length or not end:
        return source
    return from_text(source.name, source.text[:end], is_cut=True)


def _worded(detected: Detected) -> str:
    return "plain text" if detected.task == LANGUAGE else f"{detected.task} ({detected.reason})"
