"""Texts → a tokenizer, and how well one fits a text."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from charlm.config import ModelConfig
from charlm.data.documents import AnyDocument
from charlm.data.sequences import Lines, Streams, all_sequences
from charlm.data.split import choose_mode
from charlm.errors import CharlmError, ModelError, ModelExistsError
from charlm.files.atomic import json_line, parse_json, read_file, to_json, write_atomic
from charlm.progress import OnProgress, PieceCounter, ignore
from charlm.registry import find, name_of, names
from charlm.tokenizers import Tokenizer


def learn(texts: Streams | Lines, config: ModelConfig, on_progress: OnProgress = ignore) -> Tokenizer:
    """The vocabulary of these sequences. Raises ConfigError for settings that do not fit the kind, or the text."""
    kind = find(Tokenizer, config.tokenizer)
    kind.check(config)
    pieces = map(PieceCounter("vocabulary", texts.characters, on_progress).count, texts.groups())
    return kind.train(pieces, config, lines=texts.sequence == "line", on_progress=on_progress)


def learn_all(documents: Iterable[AnyDocument], config: ModelConfig, on_progress: OnProgress = ignore) -> Tokenizer:
    """That of whole documents, none of which is held out."""
    documents = tuple(documents)
    sequence = choose_mode(documents)[0] if config.sequence == "auto" else config.sequence
    return learn(all_sequences(documents, sequence), config, on_progress)


@dataclass
class Fit:
    """What of a text a tokenizer's symbols are."""

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
        """The share of the characters that are known."""
        return 1 - self.unknown_characters / self.characters if self.characters else None


FORMAT_VERSION = 1
LARGEST = 2**28  # bytes
_KIND = "charlm tokenizer"
_HEADER = ("kind", "format_version", "tokenizer")


def describe(tokenizer: Tokenizer) -> dict[str, Any]:
    """All there is to know, as plain JSON values."""
    return dict(zip(_HEADER, (_KIND, FORMAT_VERSION, name_of(tokenizer)), strict=True)) | tokenizer.to_json()


def sha256(tokenizer: Tokenizer) -> str:
    """Of what it is, however the file was written."""
    return hashlib.sha256(json_line(describe(tokenizer)).encode("utf-8", "surrogatepass")).hexdigest()


def rebuild(values: Any, name: str | None = None) -> Tokenizer:
    """The tokenizer of `describe`; `name`: the kind it has to be, also where the values do not say.

    Raises ValueError, with what is wrong, for anything else.
    """
    if isinstance(values, dict) and "kind" in values:
        kind, version, found = (values.get(each) for each in _HEADER)
        if kind != _KIND:
            raise ValueError("it should be that of a charlm tokenizer")
        if type(version) is not int or version > FORMAT_VERSION:
            raise ValueError(f"its format is {str(version)[:20]}; this charlm reads {FORMAT_VERSION}")
        if not isinstance(found, str) or name not in (None, found):
            raise ValueError(f"it is for the tokenizer {str(found)[:20]!r}" + (f", not {name!r}" if name else ""))
        values, name = {key: value for key, value in values.items() if key not in _HEADER}, found
    if name is None:
        raise ValueError("it should say of which kind it is; charlm tokenizer build writes one")
    try:
        return find(Tokenizer, name).from_json(values)
    except CharlmError as error:
        raise ValueError(str(error)) from None


def read(path: Path) -> Tokenizer:
    """Raises ModelError, which names the file, for one that is missing, damaged or no vocabulary."""
    try:
        data = read_file(path.resolve(), LARGEST)
    except (OSError, RuntimeError) as error:  # of links in a circle
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise ModelError(f"the tokenizer {path} cannot be read: {why}") from None
    try:
        others = (find(Tokenizer, name).from_other_format(data) for name in names("tokenizers"))
        found = None if data.lstrip()[:1] == b"{" else next((each for each in others if each), None)
        return found or rebuild(parse_json(path, data))
    except ValueError as error:
        raise ModelError(f"{path} is not a vocabulary: {error}") from None


def check_free(path: Path, overwrite: bool) -> None:
    """Raise ModelExistsError where there is a file already that is not to be replaced."""
    if path.exists() and not overwrite:
        raise ModelExistsError(f"{path} is there already; replace it with --overwrite, or choose another --output")


def write(path: Path, tokenizer: Tokenizer, overwrite: bool) -> None:
    """Raises ModelExistsError as `check_free` does, OSError where the disk does not take it."""
    check_free(path, overwrite)
    write_atomic(path, to_json(describe(tokenizer)))
