"""Vocabularies: learn a tokenizer from texts, measure how it fits a text, and store it as a file."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from charlm.config import ModelConfig, TextMode
from charlm.data.documents import AnyDocument
from charlm.data.sequences import Lines, Streams, all_sequences
from charlm.data.split import choose_mode
from charlm.errors import CharlmError, ModelError
from charlm.files.atomic import check_output, json_line, parse_json, read_file, to_json, write_atomic
from charlm.files.decoding import MARK
from charlm.files.reading import read_errors
from charlm.progress import OnProgress, PieceCounter, ignore
from charlm.registry import find, name_of, names
from charlm.tokenizers import Tokenizer


def learn(texts: Streams | Lines, config: ModelConfig, on_progress: OnProgress = ignore) -> Tokenizer:
    """Train the tokenizer of `config` on sequences. Raises ConfigError if a setting does not suit it or the text."""
    tokenizer_class = find(Tokenizer, config.tokenizer)
    tokenizer_class.check(config)
    pieces = map(PieceCounter("vocabulary", texts.characters, on_progress).count, texts.groups())
    return tokenizer_class.train(pieces, config, mode=texts.mode, on_progress=on_progress)


def learn_all(documents: Iterable[AnyDocument], config: ModelConfig, on_progress: OnProgress = ignore) -> Tokenizer:
    """Train the tokenizer of `config` on complete documents, none of which is held out."""
    documents = tuple(documents)
    mode = choose_mode(documents)[0] if config.sequence == "auto" else TextMode(config.sequence)
    return learn(all_sequences(documents, mode), config, on_progress)


@dataclass
class Fit:
    """How a tokenizer fits the texts that were added: counts of characters and tokens."""

    characters: int = 0
    tokens: int = 0
    unknown_characters: int = 0
    unknown_tokens: int = 0

    def add(self, tokenizer: Tokenizer, text: str) -> None:
        ids = tokenizer.encode(text)
        unknown = ids == tokenizer.UNK
        self.characters += len(text)
        self.tokens += len(ids)
        self.unknown_characters += int(tokenizer.lengths(text, ids)[unknown].sum())
        self.unknown_tokens += int(np.count_nonzero(unknown))

    @property
    def characters_per_token(self) -> float | None:
        return self.characters / self.tokens if self.tokens else None

    @property
    def coverage(self) -> float | None:
        """Share of the characters that are known; None without text."""
        return 1 - self.unknown_characters / self.characters if self.characters else None


def unknown_characters(tokenizer: Tokenizer, texts: Sequence[str], mode: TextMode) -> int:
    """Count the characters of sequences that a tokenizer does not know."""
    pieces = (f"{text}\n" for text in texts) if mode == TextMode.LINE else texts
    if not any((ids == tokenizer.UNK).any() for ids in tokenizer.encode_pieces(pieces, mode=mode)):
        return 0
    fit = Fit()
    for text in texts:
        fit.add(tokenizer, text)
    return fit.unknown_characters


FORMAT_VERSION = 1
LARGEST = 2**28  # bytes
_KIND = "charlm tokenizer"
_HEADER = ("kind", "format_version", "tokenizer")


def describe(tokenizer: Tokenizer) -> dict[str, Any]:
    """Return the content of a vocabulary file as plain JSON values."""
    return dict(zip(_HEADER, (_KIND, FORMAT_VERSION, name_of(tokenizer)), strict=True)) | tokenizer.to_json()


def sha256(tokenizer: Tokenizer) -> str:
    """Return the SHA-256 of a vocabulary's canonical JSON, which does not depend on how its file was written."""
    return hashlib.sha256(json_line(describe(tokenizer)).encode("utf-8", "surrogatepass")).hexdigest()


def rebuild(values: Any, name: str | None = None) -> Tokenizer:
    """Build a tokenizer from the result of `describe`.

    name: the tokenizer that is expected, which files of old models do not name. Raises ValueError, which says what is
    wrong.
    """
    if isinstance(values, dict) and "kind" in values:
        kind, version, tokenizer = (values.get(each) for each in _HEADER)
        if kind != _KIND:
            raise ValueError("its 'kind' is not 'charlm tokenizer'")
        if type(version) is not int or version > FORMAT_VERSION:
            raise ValueError(f"its format version is {str(version)[:20]}; this charlm reads {FORMAT_VERSION}")
        if not isinstance(tokenizer, str) or name not in (None, tokenizer):
            expected = f", not {name!r}" if name else ""
            raise ValueError(f"it is for the tokenizer {str(tokenizer)[:20]!r}{expected}")
        values, name = {key: value for key, value in values.items() if key not in _HEADER}, tokenizer
    if name is None:
        raise ValueError("it does not name its tokenizer; charlm tokenizer build writes files that do")
    try:
        return find(Tokenizer, name).from_json(values)
    except CharlmError as error:
        raise ValueError(str(error)) from None


def read(path: Path) -> Tokenizer:
    """Read a vocabulary file of charlm or of another program.

    Raises ModelError, which names the file, if it is missing, damaged, or not a vocabulary.
    """
    with read_errors(path, ModelError):
        try:
            data = read_file(path.resolve(), LARGEST)
        except RuntimeError as error:  # before Python 3.13, a loop of symbolic links
            raise ModelError(f"{path} cannot be read: {error}") from None
    data = data.removeprefix(MARK)  # an editor may have added it
    try:
        if data.lstrip()[:1] != b"{":
            for name in names("tokenizers"):
                if tokenizer := find(Tokenizer, name).from_other_format(data):
                    return tokenizer
        return rebuild(parse_json(path, data))
    except ValueError as error:
        raise ModelError(f"{path} is not a vocabulary: {error}") from None


def write(path: Path, tokenizer: Tokenizer, overwrite: bool) -> None:
    """Write a vocabulary file. Raises ModelExistsError if it exists and `overwrite` is false, and OSError."""
    check_output(path, overwrite)
    write_atomic(path, to_json(describe(tokenizer)))
