"""Vectors for the embedding, from a word2vec file."""

from pathlib import Path

from charlm.config import ModelConfig, TrainConfig
from charlm.errors import ConfigError
from charlm.files import word2vec
from charlm.tokenizers import Tokenizer


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
