"""How large a network a corpus and a budget can use, where the user does not say.

Measured, not derived: on two cores three minutes are three to four passes over a megabyte with two layers of 256,
and what counts is passes. A smaller corpus is passed more often and would be learned by heart, so it gets a smaller
network and dropout.
"""

from dataclasses import replace

from charlm.config import ModelConfig

_EMBEDDING = 64
_TWO_LAYERS_FROM = 1.0  # minutes
# (from so many training tokens, hidden size)
_HIDDEN = ((200_000, 256), (20_000, 192), (0, 128))


def resolve(config: ModelConfig, tokens: int, minutes: float | None) -> ModelConfig:
    """Fill in the sizes left open, for so many training tokens and minutes (None: a budget in steps)."""
    hidden = next(size for least, size in _HIDDEN if tokens >= least)
    layers = 2 if minutes is None or minutes >= _TWO_LAYERS_FROM else 1
    return replace(
        config,
        embedding_size=config.embedding_size or _EMBEDDING,
        hidden_size=config.hidden_size or hidden,
        layers=config.layers or layers,
    )


def resolve_dropout(config: ModelConfig, passes: float) -> ModelConfig:
    """Fill in dropout, where left open, for so many passes over the corpus."""
    if config.dropout is not None:
        return config
    dropout = 0.0 if passes < 15 else 0.2 if passes < 40 else 0.4
    return replace(config, dropout=dropout)
