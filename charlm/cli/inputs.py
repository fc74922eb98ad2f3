"""What the commands that read text share: where the text comes from, and what is said of unknown characters."""

import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from charlm.cli.models import find_model, load_model
from charlm.cli.output import say
from charlm.cli.view.progress import ReadingLine
from charlm.data import corpus
from charlm.data.corpus import Corpus
from charlm.data.documents import AnyDocument, Document
from charlm.errors import ConfigError, CorpusError

if TYPE_CHECKING:
    from charlm.language_model import LanguageModel
    from charlm.tokenizers import Tokenizer

_LISTED = 2**22  # characters of one text of which every symbol is told: of each some 100 bytes are in memory
_LOOKED_AT = 2**21  # characters: more than 20,000 symbols have, though each were a long word


def read_files(paths: list[str], quiet: bool) -> Corpus:
    """The documents of files, folders, `.gz` and `-`; what reading left out is said."""
    found = corpus.read(paths, ReadingLine(quiet))
    for note in found.notes:
        say(note, quiet)
    return found


def files_or_stdin(files: list[str] | None) -> list[str]:
    """The files named, or stdin where none is. Raises ConfigError where a person would wait for nothing there."""
    if not files and sys.stdin is not None and sys.stdin.isatty():
        raise ConfigError("no text was given: name it, name a file, or pipe it in")
    return files or [corpus.STDIN]


def read_stdin(quiet: bool) -> AnyDocument:
    """The text piped in, or typed."""
    notes: list[str] = []
    found = corpus.read_stdin(notes)
    for note in notes:
        say(note, quiet)
    return found


def require_in_memory(document: AnyDocument, use: str) -> Document:
    """The text itself. Raises CorpusError for one that is too long to be held for this use."""
    if isinstance(document, Document):
        return document
    raise CorpusError(f"{document.name} has {document.characters:,} characters, too many to {use}; give a part of it")


def read_vocabulary(path: Path, quiet: bool) -> "Tokenizer":
    """A vocabulary in a file; what is not used of one that another program made is said."""
    from charlm.data import vocabulary

    found = vocabulary.read(path)
    if found.import_notes:
        left = ", and not ".join(found.import_notes)
        say(f"{path}: its pieces and their scores are used, and not {left}: no text is changed", quiet)
    return found


def document_sequences(document: AnyDocument, kind: str) -> Iterator[str]:
    """What a model of lines or of a stream reads by itself. Raises CorpusError where that is too long for it."""
    from charlm.data.sequences import iterate_lines, sequences_of

    if isinstance(document, Document) and (kind == "line" or document.characters <= _LISTED):
        yield from sequences_of(document.text, kind)
    elif kind == "line":
        yield from iterate_lines(document.name, document.pieces())
    else:
        long = f"{document.name} has {document.characters:,} characters, too many for a list of all of them"
        raise CorpusError(f"{long}; charlm evaluate says how likely it is as a whole")


def stdin_lines(quiet: bool) -> Iterator[str]:
    """The lines piped in, as they come; no line where nothing comes."""
    from charlm.data.sequences import iterate_lines

    notes: list[str] = []
    pieces = filter(None, corpus.stream_stdin(notes))
    for note in notes:
        say(note, quiet)
    first = next(pieces, None)
    return iter(()) if first is None else iterate_lines(corpus.STDIN_NAME, chain([first], pieces))


def report_unknown(
    model: "LanguageModel", documents: Iterable[AnyDocument], count: int, policy: str, quiet: bool, *, start: int = 1
) -> None:
    """Say how many characters the model has no symbol for, and which is the first; texts count from `start`."""
    from charlm.data.encoding import describe, other_form

    for number, document in enumerate(documents if count else (), start):
        before = 0  # characters of the text in pieces that are done
        for piece, ended in _parts(document, model.line):
            first = model.tokenizer.first_unknown(piece)
            if first is not None:
                place = f"character {before + first.position + 1:,} of text {number:,}"
                what = "left out" if policy == "skip" else "read as <UNK>"
                advice = other_form(model.tokenizer, piece)
                say(f"{count:,} unknown {what}; the first is {describe(first.text)}, {place}{advice}", quiet)
                return
            before += len(piece) + ended


def _parts(document: AnyDocument, line: bool) -> Iterator[tuple[str, bool]]:
    """Lines, or what a stream is read in; and whether a line end follows."""
    if line:
        return ((text, True) for text in document_sequences(document, "line"))
    return ((text, False) for text in document.pieces())


def read_text(text: str | None, file: str | None, quiet: bool) -> str:
    """The text that a command looks into: the argument, or as much of a file or of stdin as is looked at.

    Raises ConfigError for two of them.
    """
    if text is not None and file is not None:
        raise ConfigError("give a text or --file, not both")
    if text is not None and text != corpus.STDIN:
        return text
    path = file or files_or_stdin(None if text is None else [text])[0]
    notes: list[str] = []
    found = corpus.read_beginning(path, _LOOKED_AT, notes)
    for note in notes:
        say(note, quiet)
    return found


def load_model_and_text(
    model: str | None, text: str | None, file: str | None, quiet: bool
) -> "tuple[LanguageModel, str]":
    """Load a model and the text that a command analyzes; print which model it is, and its unknown characters."""
    folder = find_model(model, quiet)
    content = read_text(text, file, quiet)
    language_model = load_model(folder)
    report_unknown(language_model, [Document("", content)], language_model.unknown(content), "unk", quiet)
    return language_model, content
