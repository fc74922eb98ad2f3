"""What the commands that read text share: where the text comes from, and what is said of unknown characters."""

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from charlm import corpus
from charlm.cli.output import say
from charlm.errors import ConfigError

if TYPE_CHECKING:
    from charlm.language_model import LanguageModel


def read_files(paths: list[str], quiet: bool) -> tuple[corpus.Document, ...]:
    """The documents of files, folders, `.gz` and `-`; what reading left out is said."""
    found = corpus.read(paths)
    for note in found.notes:
        say(note, quiet)
    return found.documents


def files_or_stdin(files: list[str] | None) -> list[str]:
    """The files named, or stdin where none is. Raises ConfigError where a person would wait for nothing there."""
    if not files and sys.stdin is not None and sys.stdin.isatty():
        raise ConfigError("no text was given: name it, name a file, or pipe it in")
    return files or [corpus.STDIN]


def read_stdin(quiet: bool) -> str:
    """The text piped in, or typed."""
    notes: list[str] = []
    text = corpus.read_stdin(notes).text
    for note in notes:
        say(note, quiet)
    return text


def stdin_in_blocks(quiet: bool) -> Iterator[str]:
    """The same in blocks of whole lines, of which one at a time is in memory."""
    notes: list[str] = []
    for block in corpus.read_stdin_in_blocks(notes):
        while notes:
            say(notes.pop(), quiet)
        yield block


def tell_unknown(
    model: "LanguageModel", texts: Iterable[str], count: int, policy: str, quiet: bool, *, start: int = 1
) -> None:
    """Say how many characters the model has no symbol for, and which is the first; texts are numbered from `start`."""
    from charlm.encoding import describe, other_form
    from charlm.sequences import whole

    for number, text in enumerate(texts if count else (), start):
        before = 0  # characters of the text in lines that are done
        for sequence in whole(text, model.config.sequence):
            first = model.tokenizer.first_unknown(sequence)
            if first is not None:
                place = f"character {before + first.position + 1:,} of text {number:,}"
                what = "left out" if policy == "skip" else "read as <UNK>"
                advice = other_form(model.tokenizer, sequence)
                say(f"{count:,} unknown {what}; the first is {describe(first.character)}, {place}{advice}", quiet)
                return
            before += len(sequence) + 1
