"""A vocabulary that is given to a run, in place of one that is learned from its data."""

from dataclasses import replace

from charlm.config import TOKENIZER_FIELDS, ModelConfig
from charlm.data import vocabulary
from charlm.errors import ConfigError
from charlm.registry import name_of
from charlm.tokenizers import Tokenizer


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
