"""What a run is given: settings and files that must fit, a vocabulary, and vectors for the embedding."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeGuard

from charlm.config import TOKENIZER_FIELDS, ModelConfig, TrainConfig
from charlm.data import vocabulary
from charlm.data.corpus import require_files
from charlm.errors import ConfigError
from charlm.files import word2vec
from charlm.registry import find, name_of
from charlm.tokenizers import Tokenizer


def is_text(source: object) -> TypeGuard[str]:
    """Whether a source is a text itself, and not a path."""
    return isinstance(source, str) and "\n" in source


def check_inputs(source: object, model: ModelConfig, config: TrainConfig, valid: object) -> None:
    """Raise ConfigError for settings that exclude each other, CorpusNotFoundError for a file that does not exist."""
    find(Tokenizer, model.tokenizer).check(model)
    if config.freeze_embedding and model.tie_weights:
        tied = "freeze_embedding does not work with tie_weights: the table is also the readout's, which has to learn"
        raise ConfigError(tied, remedy="freeze_or_tie")
    for given in (source, valid):
        if isinstance(given, str | Path) and not is_text(given):
            require_files([given])
        elif isinstance(given, Sequence) and not isinstance(given, str):
            require_files(given)
    if config.embedding_file is not None:
        word2vec.require(Path(config.embedding_file))


def with_tokenizer(model: ModelConfig, tokenizer: Tokenizer | None) -> ModelConfig:
    """Return the configuration with the name and the SHA-256 of a given vocabulary, or unchanged for None.

    Raises ConfigError if the configuration needs another vocabulary, or has settings for learning one.
    """
    if tokenizer is None:
        if model.vocabulary is not None:
            raise ConfigError(
                f"the plan is for a given vocabulary (SHA-256 {model.vocabulary})", remedy="give_vocabulary"
            )
        return model
    given = vocabulary.sha256(tokenizer)
    if model.vocabulary not in (None, given):
        raise ConfigError(f"the plan is for another vocabulary (SHA-256 {model.vocabulary}, this one {given})")
    defaults = ModelConfig()
    if others := [name for name in TOKENIZER_FIELDS if getattr(model, name) != getattr(defaults, name)]:
        raise ConfigError("a given vocabulary is used unchanged", remedy="leave_out", settings=others)
    return replace(model, tokenizer=name_of(tokenizer), vocabulary=given)


def read_vectors(tokenizer: Tokenizer, model: ModelConfig, config: TrainConfig) -> word2vec.Vectors | None:
    """Read the vectors of the vocabulary's tokens. Raises ConfigError if they do not fit the model."""
    if config.embedding_file is None:
        return None
    vectors = word2vec.read(Path(config.embedding_file), tokenizer.token_texts(range(tokenizer.size)))
    width = vectors.matrix.shape[1]
    if model.embedding_size not in (None, width):
        wide = f"{config.embedding_file} has vectors of {width:,} numbers, and embedding_size is"
        raise ConfigError(f"{wide} {model.embedding_size:,}", remedy="leave_out", settings=["embedding_size"])
    if not vectors.known.any():
        raise ConfigError(f"{config.embedding_file} has no vector for any of the {tokenizer.size:,} tokens")
    return vectors
