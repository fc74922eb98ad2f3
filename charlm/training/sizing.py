"""How large a network a corpus and a budget can use, where the user does not say.

Measured, not derived (benchmarks/README.md): within a budget of arithmetic the best network is the largest that
still reads three tokens for each of its weights; and of a small corpus no more is to be had than by a few weights for
each of its tokens.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import NamedTuple, cast

import torch

from charlm.cells import Cell
from charlm.config import ModelConfig
from charlm.network import Network
from charlm.readouts import choose

_EMBEDDING = 64
_SIZES = ((2, 640), (2, 512), (2, 384), (2, 256), (1, 256), (1, 192), (1, 128))  # layers, width
_TOKENS_A_WEIGHT = 3
_WEIGHTS_A_TOKEN = 4  # of the corpus
MANY_PASSES = 15  # over the corpus: from then on it can be learned by heart


@cache
def weights(config: ModelConfig, vocabulary: int) -> int:
    """Numbers that a token is multiplied with: all matrices but W_x of the lowest layer, which is looked up.

    A readout in groups counts whole, though few tokens need all of it.
    """
    width = config.hidden_size if config.tie_weights else 1
    with torch.device("meta"):  # shapes without memory
        network = Network(replace(config, embedding_size=width, dropout=0.0), vocabulary)
    looked_up = [cast(Cell, network.cells[0]).weight_ih]
    if not config.tie_weights:
        looked_up += network.embedding.parameters()
    matrices = [each for each in network.parameters() if each.dim() == 2]
    return sum(each.numel() for each in matrices) - sum(each.numel() for each in looked_up)


class Sized(NamedTuple):
    """A configuration without open sizes, and the reason for them in words."""

    config: ModelConfig
    why: str


def resolve(config: ModelConfig, corpus: int, vocabulary: int, affordable: Callable[[int], float]) -> Sized:
    """Fill in the sizes and the readout left open, for so many tokens to learn from.

    affordable: how many tokens can be read within the budget by a network of so many weights.
    """
    why = "as asked" if config.hidden_size and config.layers else "the largest that charlm takes unasked"
    config = replace(config, readout=choose(config.readout, vocabulary, tied=config.tie_weights))
    if not config.tie_weights:
        config = replace(config, embedding_size=config.embedding_size or _EMBEDDING)
    for layers, width in _SIZES:
        sized = replace(config, layers=config.layers or layers, hidden_size=config.hidden_size or width)
        needed = weights(sized, vocabulary)
        if sized == config:
            break
        if _TOKENS_A_WEIGHT * needed > affordable(needed):
            why = f"a larger one could not read {_TOKENS_A_WEIGHT} symbols for each of its weights in the time"
        elif needed > _WEIGHTS_A_TOKEN * corpus:
            why = f"a larger one would have more than {_WEIGHTS_A_TOKEN} weights for each symbol of the corpus"
        else:
            break
    return Sized(sized, why)  # where none is small enough, the smallest


def resolve_dropout(config: ModelConfig, passes: float) -> ModelConfig:
    """Fill in dropout, where left open, for so many passes over the corpus."""
    if config.dropout is not None:
        return config
    return replace(config, dropout=0.0 if passes < MANY_PASSES else 0.2 if passes < 40 else 0.4)
