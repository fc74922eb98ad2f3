"""Texts → a tokenizer, and how well one fits a text."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from charlm.config import ModelConfig
from charlm.data.documents import AnyDocument, Tell, Told
from charlm.data.sequences import choose, everything
from charlm.data.texts import Lines, Streams
from charlm.discover import find
from charlm.tokenizers import Tokenizer


def learn(texts: Streams | Lines, config: ModelConfig, tell: Tell = lambda reading: None) -> Tokenizer:
    """The vocabulary of these sequences. Raises ConfigError for settings that do not fit the kind, or the text."""
    kind = find(Tokenizer, config.tokenizer)
    kind.check(config)
    told = Told("vocabulary", texts.characters, tell)
    return kind.train(map(told, texts.groups()), config, lines=texts.sequence == "line", tell=tell)


def learn_all(documents: Iterable[AnyDocument], config: ModelConfig, tell: Tell = lambda reading: None) -> Tokenizer:
    """That of whole documents, none of which is held out."""
    documents = tuple(documents)
    sequence = choose(documents)[0] if config.sequence == "auto" else config.sequence
    return learn(everything(documents, sequence), config, tell)


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
