"""What the commands that read text share: where the text comes from, and what is said of unknown characters."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from charlm import corpus
from charlm.cli.output import say
from charlm.errors import ConfigError

if TYPE_CHECKING:
    from charlm.tokenizers import Tokenizer


def read_files(paths: list[str], quiet: bool) -> tuple[corpus.Document, ...]:
    """The documents of files, folders, `.gz` and `-`; what reading left out is said."""
    found = corpus.read(paths)
    for note in found.notes:
        say(note, quiet)
    return found.documents


def read_stdin(quiet: bool) -> str:
    """The text piped in. Raises ConfigError where stdin is a terminal, where a person would wait for nothing."""
    if sys.stdin is not None and sys.stdin.isatty():
        raise ConfigError("no text was given: name it, name a file with --file, or pipe it in")
    notes: list[str] = []
    text = corpus.read_stdin(notes).text
    for note in notes:
        say(note, quiet)
    return text


def tell_unknown(tokenizer: "Tokenizer", texts: Iterable[str], count: int, policy: str, quiet: bool) -> None:
    """Say how many characters the model has no symbol for, and which is the first."""
    from charlm.encoding import describe

    for number, text in enumerate(texts, start=1):
        first = tokenizer.first_unknown(text) if count else None
        if first is not None:
            place = f"character {first.position + 1:,} of text {number:,}"
            what = "left out" if policy == "skip" else "read as <UNK>"
            say(f"{count:,} unknown {what}; the first is {describe(first.character)}, {place}", quiet)
            return
