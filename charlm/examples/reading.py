"""Read the examples of files, and the inputs of a prediction."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from charlm.data import corpus
from charlm.errors import ConfigError, CorpusError
from charlm.examples import LANGUAGE, Columns, Example, Labeled, Pair, Place, Series, Tagged
from charlm.examples.detection import (
    NO_COLUMNS,
    Detected,
    Files,
    agreed,
    detect_source,
    format_named,
    head,
    paths,
    recognized,
    wanted_task,
)
from charlm.examples.formats import plain_input
from charlm.examples.sentences import check_tag, span_tag
from charlm.examples.shifts import first_shifted_line
from charlm.examples.source import MOST_LABELS, Source, checked_text, read, read_with_examples
from charlm.wording import plural, quoted

PARALLEL = "parallel"  # the format of two files, one with sources and one with their targets


@dataclass(frozen=True)
class Examples:
    """Examples in the order of the files.

    notes: sentences about what was left out or is unusual. sha256: of the examples, but not of where they are.
    columns: the columns that were read.
    """

    items: tuple[Example, ...]
    task: str
    format: str
    reason: str
    notes: tuple[str, ...] = ()
    sha256: str = ""
    columns: Columns = NO_COLUMNS

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True)
class Inputs:
    """Inputs of a prediction in order, as examples without answers, one for each line or block of a file."""

    items: tuple[Example, ...]
    notes: tuple[str, ...] = ()


def read_examples(
    files: Files, choice: Detected | str = "auto", columns: Columns = NO_COLUMNS, *, any_bytes: bool = False
) -> Examples:
    """Read files of one format.

    choice: what `detect` returned, perhaps for other files of the same form, or a task. For the task pair, two files
    that have no pairs of their own are parallel: each line of the first is a source, and the same line of the second is
    its target. any_bytes: keep bytes that are not UTF-8. Raises CorpusNotFoundError, or CorpusError, with file and
    line, for what is not an example, and for files that `detect` refuses.
    """
    notes: list[str] = []
    sources = [read_with_examples(path, notes, any_bytes=any_bytes) for path in paths(files)]
    if isinstance(choice, str):
        task = wanted_task(choice, columns)
        if task == "pair" and not columns.given() and _are_parallel(sources):
            return _parallel(sources, notes)
        choice = agreed([(source.name, detect_source(head(source), task, columns)) for source in sources])
    if choice.format == PARALLEL:
        if len(sources) != 2:
            raise CorpusError(
                f"{sources[0].name} has no pairs of its own, and a pair of parallel files is needed; give two files,"
                " first the sources and then the targets"
            )
        return _parallel(sources, notes)
    if choice.task == LANGUAGE:
        raise ConfigError("plain text has no examples; it is for the task language")
    items: list[Example] = []
    for source in sources:
        before = len(items)
        items += format_named(choice.format).examples(source, choice.task, choice.columns, notes)
        if len(items) == before:
            raise CorpusError(f"{source.name} contains no example for the task {choice.task}; give another file")
        if blank := choice.task in ("classify", "pair") and source.blank_lines() and source.suffix != ".csv":
            notes.append(f"left out {plural(int(blank), 'blank line')} of {source.name}")
    if len(sources) > 1 and len(items) == len(sources):
        items = _named_by_file(items, choice.columns)
    return _checked(items, choice.task, choice.format, choice.reason, notes, choice.columns)


def _named_by_file(items: list[Example], columns: Columns) -> list[Example]:
    """Return the series of several files, one of each, by the names of the files if their names are those of a column.

    Files of one name keep them, so that the task can say which ones they are.
    """
    series = [each for each in items if isinstance(each, Series)]
    by_column = series and len(series) == len(items) and all(each.name == columns.value for each in series)
    stems = [corpus.stem(each.where.file) for each in series]
    if not by_column or len(set(stems)) < len(stems):
        return items
    return [replace(each, name=stem) for each, stem in zip(series, stems, strict=True)]


def _are_parallel(sources: Sequence[Source]) -> bool:
    """Return whether two files can only be read as sources and their targets.

    Files that both have pairs, such as two tables, are not parallel. If one of them alone looks like pairs, such as
    the targets of a dictionary, the number of lines decides.
    """
    if len(sources) != 2:
        return False
    known = [recognized(head(source), "pair", NO_COLUMNS) is not None for source in sources]
    return not any(known) or (not all(known) and len(sources[0].lines) == len(sources[1].lines))


def _parallel(sources: Sequence[Source], notes: list[str]) -> Examples:
    """Return the pairs of two files, of which each line has a source and its target.

    Raises CorpusError if one file is longer, with the line from which they do not fit, or if a line is too long.
    """
    left, right = sources
    if len(left.lines) != len(right.lines):
        short, long = sorted((left, right), key=lambda each: len(each.lines))
        line = first_shifted_line(short.lines, long.lines)
        raise CorpusError(
            f"{left.name} has {plural(len(left.lines), 'line')}, and {right.name} has {len(right.lines):,}; the first"
            f" line that looks shifted is {long.at(line)}, {quoted(long.lines[line - 1])}"
        )
    items: list[Example] = []
    for number, (text, other) in enumerate(zip(left.lines, right.lines, strict=True), 1):
        where = left.at(number)
        if bool(text.strip()) != bool(other.strip()):
            blank = left if other.strip() else right
            raise CorpusError(f"{blank.at(number)} is blank, and the same line of the other file is not; fill it")
        if text.strip():
            one = checked_text(where, text, "a source")
            items.append(Pair(one, checked_text(right.at(number), other, "a target"), where))
    if blank_lines := left.blank_lines():
        notes.append(f"left out {plural(blank_lines, 'blank line')} of {left.name} and of {right.name}")
    return _checked(items, "pair", PARALLEL, "each line of one file belongs to a line of the other", notes, NO_COLUMNS)


def read_inputs(path: str | os.PathLike[str], trained: Detected | Examples, *, any_bytes: bool = False) -> Inputs:
    """Read the inputs of a prediction from a file, or from stdin for `-`: one for each line, also for a blank one.

    trained: what the model was trained on. The file may have the format of the training file, whose answers are
    ignored, or one text per line. For the task tag, it may have a token per line, or the tokens of a sentence; a blank
    line ends a sentence, and each further one is an empty sentence. Raises CorpusNotFoundError, or CorpusError if the
    file is not UTF-8, or if a table of numbers cannot be read.
    """
    notes: list[str] = []
    source = read(os.fspath(path), notes, any_bytes=any_bytes)
    return Inputs(tuple(_inputs(source, trained)), tuple(notes))


def texts_as_inputs(texts: Sequence[str], task: str) -> Inputs:
    """Return each text as an input of a prediction. Raises CorpusError for a series, which is not a text."""
    return Inputs(tuple(plain_input(task, text, Place("text", number)) for number, text in enumerate(texts, 1)))


def _inputs(source: Source, trained: Detected | Examples) -> Iterable[Example]:
    if trained.format == PARALLEL:
        return (plain_input(trained.task, line, source.at(number)) for number, line in enumerate(source.lines, 1))
    return format_named(trained.format).inputs(source, trained.task, trained.columns)


def _checked(items: list[Example], task: str, name: str, reason: str, notes: list[str], columns: Columns) -> Examples:
    """Check what concerns all examples together, and note what occurs twice."""
    tagged = [example for example in items if isinstance(example, Tagged)]
    span = span_tag(tag for sentence in tagged for tag in sentence.tags)
    for sentence in tagged if span else ():
        for tag in sentence.tags:
            check_tag(sentence.where, tag, span)
    kinds: set[str] = set()
    for example in items:
        if not isinstance(example, Series | Pair):
            kinds.update(example.labels if isinstance(example, Labeled) else example.tags)
            if len(kinds) > MOST_LABELS:
                what = "labels" if isinstance(example, Labeled) else "tags"
                raise CorpusError(
                    f"{example.where} has more than {MOST_LABELS:,} different {what} before it; check which column has"
                    f" the {what}"
                )
    seen: set[str] = set()
    digest = hashlib.sha256()
    again: list[Place] = []
    for content, example in zip(_contents(items), items, strict=True):
        digest.update(content.encode("utf-8", "surrogatepass") + b"\n")
        if content in seen:
            again.append(example.where)
        seen.add(content)
    if again:
        which = (
            "1 example repeats an earlier one" if len(again) == 1 else f"{len(again):,} examples repeat earlier ones"
        )
        notes.append(f"{which}, the first in {again[0]}")
    return Examples(tuple(items), task, name, reason, tuple(notes), digest.hexdigest(), columns)


def _contents(items: Iterable[Example]) -> Iterator[str]:
    """Yield what an example says, as one text, by which equal examples are known."""
    for each in items:
        if isinstance(each, Labeled):
            yield json.dumps([each.text, each.labels])
        elif isinstance(each, Pair):
            yield json.dumps([each.source, each.target])
        elif isinstance(each, Tagged):
            yield json.dumps([each.tokens, each.tags, each.label])
        else:
            inputs = hashlib.sha256(each.inputs.tobytes()).hexdigest()
            yield json.dumps([each.name, each.times, each.values.tolist(), inputs])
