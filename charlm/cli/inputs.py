"""Input of the commands that read text: where the text comes from, and a message about unknown characters."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from charlm.checkpoints import model_paths
from charlm.cli.models import load_model, say_model, takes_any_bytes
from charlm.cli.output import say
from charlm.cli.view.progress import ReadingLine
from charlm.config import TextMode
from charlm.data import corpus
from charlm.data.corpus import Corpus
from charlm.data.documents import AnyDocument, Document
from charlm.errors import ConfigError, CorpusError, CorpusNotFoundError
from charlm.wording import shell_word

if TYPE_CHECKING:
    from charlm.comparison.learned import Learned
    from charlm.language_model import LanguageModel
    from charlm.tokenizers import Tokenizer

_LISTED = 2**22  # characters of a text that is listed token by token; each takes about 100 bytes of memory
_NAMED = 3  # files that a warning names
_EXAMINED = 2**21  # characters; 20,000 tokens have fewer, even if each is a long word


def read_files(paths: list[str], quiet: bool, *, any_bytes: bool = False) -> Corpus:
    """Read files, folders, gzip files, and stdin for `-`; print what is left out. any_bytes: they need not be UTF-8."""
    read = corpus.read(paths, ReadingLine(quiet), any_bytes=any_bytes)
    _say_all(read.notes, quiet)
    return read


def as_paths(names: Sequence[str]) -> list[str | Path]:
    """Return the names of files; one with a newline would otherwise be taken as a text."""
    return [Path(name) if "\n" in name else name for name in names]


def files_or_stdin(files: list[str] | None) -> list[str]:
    """Return the files, or stdin if there are none. Raises ConfigError if stdin is a terminal."""
    if not files and sys.stdin is not None and sys.stdin.isatty():
        raise ConfigError("no text given: type it as an argument, name a file, or pipe it in")
    return files or [corpus.STDIN]


def hint_at_names(texts: Iterable[str], how: str, quiet: bool, model: str | None = "") -> None:
    """Print a hint for each text that is the name of a file or a model: it was probably meant.

    how: how the command reads the file {} instead. model: the value of --model; None if it was not given, "" if the
    command has no such option.
    """
    models = model_paths.trained() if model is None else ()
    for text in texts:
        kind, instead = "", ""
        with suppress(OSError, ValueError):  # no system takes the text for a name
            if os.path.isfile(text):
                kind, instead = "file", how
        if not kind and text in models:
            kind, instead = "model", "--model {}"
        if kind:
            use = instead.format(shell_word(text))
            say(f"hint: {text} is taken as the text itself; for the {kind} of this name, use {use}", quiet)


def check_not_models(paths: Iterable[str]) -> None:
    """Raise CorpusNotFoundError for a file that does not exist, if a model has its name."""
    for path in paths:
        if path in model_paths.trained() and not os.path.exists(path):
            raise CorpusNotFoundError(f"there is no file {path}, but a model; name it with --model {shell_word(path)}")


def read_stdin(quiet: bool, *, any_bytes: bool = False) -> AnyDocument:
    """Read the text that is piped in or typed."""
    notes: list[str] = []
    document = corpus.read_stdin(notes, any_bytes=any_bytes)
    _say_all(notes, quiet)
    return document


def require_in_memory(document: AnyDocument, use: str) -> Document:
    """Return the document. Raises CorpusError if it is not in memory, which this use needs."""
    if isinstance(document, Document):
        return document
    raise CorpusError(f"{document.name} has {document.characters:,} characters, too many to {use}; use a part of it")


def read_vocabulary(path: Path, quiet: bool) -> "Tokenizer":
    """Read a vocabulary file; print which parts of another program's file charlm does not use."""
    from charlm.data import vocabulary

    tokenizer = vocabulary.read(path)
    if tokenizer.import_notes:
        unused = ", or ".join(tokenizer.import_notes)
        say(f"{path}: charlm uses the pieces and their scores, but not {unused}", quiet)
    return tokenizer


def document_sequences(document: AnyDocument, mode: TextMode) -> Iterator[str]:
    """Yield the sequences of a document. Raises CorpusError if one is too long to list its tokens."""
    from charlm.data.sequences import iterate_lines, sequences_of

    if isinstance(document, Document) and (mode == TextMode.LINE or document.characters <= _LISTED):
        yield from sequences_of(document.text, mode)
    elif mode == TextMode.LINE:
        yield from iterate_lines(document.name, document.pieces())
    else:
        raise CorpusError(
            f"{document.name} has {document.characters:,} characters, too many for a list of its tokens; charlm"
            " evaluate prints the figures of the whole text"
        )


def stdin_lines(quiet: bool, *, any_bytes: bool = False) -> Iterator[str]:
    """Yield the lines piped in as they arrive; none if stdin is empty."""
    from charlm.data.sequences import iterate_lines

    notes: list[str] = []
    pieces = filter(None, corpus.stream_stdin(notes, any_bytes=any_bytes))
    if first := next(pieces, ""):
        yield from iterate_lines(corpus.STDIN_NAME, chain([first], pieces))
    _say_all(notes, quiet)


def warn_learned(
    documents: Sequence[AnyDocument], learned: "Sequence[Learned]", quiet: bool, model: str = "the model"
) -> None:
    """Warn, also under --quiet, of documents that a model was trained on; note those of which this is unknown."""
    both = list(zip(documents, learned, strict=True))
    if parts := parts_in_words(documents, learned):
        say(
            f"warning: {model} was trained on {parts}, so its figures are too good; charlm evaluate --held-out measures"
            " the part that it was not trained on"
        )
    if unsure := [(document.name, each.unknown) for document, each in both if each.trained_on is None]:
        names, why = [name for name, _ in unsure], unsure[0][1]
        say(f"note: it is unknown whether {model} was trained on {_first(names)}: {why}", quiet)


def parts_in_words(documents: Sequence[AnyDocument], learned: "Sequence[Learned]") -> str:
    """Name the documents, or parts of them, that were trained on; "" for none."""
    both = zip(documents, learned, strict=True)
    return _first([each.in_words(document.name) for document, each in both if each.trained_on])


def _first(names: Sequence[str]) -> str:
    others = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{others}"


def report_unknown(
    model: "LanguageModel", documents: Iterable[AnyDocument], count: int, policy: str, quiet: bool, *, start: int = 1
) -> None:
    """Print how many characters are unknown to the model, and the first of them; texts are counted from `start`."""
    from charlm.data.encoding import describe, other_form

    for number, document in enumerate(documents if count else (), start):
        before = 0  # characters of the text before the piece
        for piece, ended in _parts(document, model.mode):
            first = model.tokenizer.first_unknown(piece)
            if first is not None:
                position = f"character {before + first.position + 1:,} of text {number:,}"
                what = "left out" if policy == "skip" else "read as <UNK>"
                hint = other_form(model.tokenizer, piece)
                say(f"{count:,} unknown {what}; the first is {describe(first.text)}, {position}{hint}", quiet)
                return
            before += len(piece) + ended


def _parts(document: AnyDocument, mode: TextMode) -> Iterator[tuple[str, bool]]:
    """Yield the lines of a document, or its pieces in stream mode, and whether a line end follows."""
    if mode == TextMode.LINE:
        return ((text, True) for text in document_sequences(document, mode))
    return ((text, False) for text in document.pieces())


def read_text(
    text: str | None, file: str | None, quiet: bool, model: str | None = "", *, any_bytes: bool = False
) -> str:
    """Return the text that a command examines: the argument, or the beginning of a file or of stdin.

    model: as in `hint_at_names`. Raises ConfigError if both are given.
    """
    if text is not None and file is not None:
        raise ConfigError("give a text or --file, not both")
    if text is not None and text != corpus.STDIN:
        hint_at_names([text], "--file {}", quiet, model)
        return text
    path = file or files_or_stdin(None if text is None else [text])[0]
    notes: list[str] = []
    beginning = corpus.read_beginning(path, _EXAMINED, notes, any_bytes=any_bytes)
    _say_all(notes, quiet)
    return beginning


def load_model_and_text(
    model: str | None, text: str | None, file: str | None, quiet: bool
) -> "tuple[LanguageModel, str]":
    """Load a model and the text that a command analyzes; print which model it is, and its unknown characters.

    These commands look into the network, so the model has no counts.
    """
    folder = model_paths.existing_folder(model)
    content = read_text(text, file, quiet, model, any_bytes=takes_any_bytes(folder))
    language_model = load_model(folder, quiet)
    say_model(folder, model, quiet)
    report_unknown(language_model, [Document("", content)], language_model.unknown(content), "unk", quiet)
    alone = language_model.without_counts()
    say("the network alone is examined, without the counts beside it", quiet or alone is language_model)
    return alone, content


def _say_all(notes: Iterable[str], quiet: bool) -> None:
    for note in notes:
        say(note, quiet)
