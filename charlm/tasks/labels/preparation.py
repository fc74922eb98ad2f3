"""Labeled texts that were read from files, and the vocabulary that is learned from them."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charlm.config import ModelConfig, TextMode
from charlm.data import vocabulary
from charlm.data.documents import Document
from charlm.data.sequences import all_sequences
from charlm.errors import CorpusError
from charlm.examples.reading import Examples
from charlm.model import Model
from charlm.progress import OnProgress
from charlm.tokenizers import Tokenizer


@dataclass(frozen=True)
class LabeledSource:
    """Labeled texts, and separate ones to validate on, if there are any; `files` are the paths as given."""

    train: Examples
    valid: Examples | None
    files: tuple[str, ...]
    valid_files: tuple[str, ...]

    @classmethod
    def of(cls, source: Any, train: Examples, valid_source: Any, valid: Examples | None) -> "LabeledSource":
        return cls(train, valid, _names(source), _names(valid_source))

    def fingerprint(self, fraction: float) -> str:
        """Return the SHA-256 of the training part and the held-out part."""
        parts = (self.train.sha256, self.valid.sha256 if self.valid else f"{fraction:g}")
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()

    def check_same(self, model: Model, described: Mapping[str, Any], figures: Mapping[str, Any]) -> None:
        if self.train.sha256 != described["sha256"]:
            files = ", ".join(described["files"])
            other = f"the texts are not those that {model.name} was trained on ({files})"
            raise CorpusError(other, remedy="continue_same_text")
        if list(self.valid_files) != list(described["held_out"]):
            where = ", ".join(described["held_out"]) or "a part of the texts"
            other = f"the held-out texts are not those that {model.name} was validated on ({where})"
            raise CorpusError(other, remedy="continue_same_valid" if described["held_out"] else "continue_no_valid")


def learned_tokenizer(texts: Iterable[str], model: ModelConfig, on_progress: OnProgress) -> Tokenizer:
    """Learn a vocabulary from texts, each as a line."""
    lines = "".join(f"{text}\n" for text in texts)
    return vocabulary.learn(all_sequences([Document("texts", lines)], TextMode.LINE), model, on_progress)


def _names(source: Any) -> tuple[str, ...]:
    if source is None:
        return ()
    return (str(source),) if isinstance(source, str | Path) else tuple(map(str, source))
