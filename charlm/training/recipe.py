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

from charlm.config import ModelConfig, TrainConfig
from charlm.nn.cells import Cell
from charlm.nn.network import Network
from charlm.nn.readouts import choose
from charlm.registry import find

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


_RATE_TIMES_WIDTH = 2.0
_HIGHEST_RATE = 0.016
_HIGHEST_BY_HEART = 0.004  # where passes are many: learning by heart is sooner done than learning
_LAYERS = 2  # twice as many take half the rate
_WORN_DOWN = 800  # steps at the peak rate after which 1/e is left of a weight
_HIGHEST_DECAY = 0.3
_SHORT = 1000  # steps in which weights have hardly grown, so that decay can only hurt
_HARDLY = 0.01


def resolve_rates(config: TrainConfig, model: ModelConfig, steps: int, passes: float) -> TrainConfig:
    """Fill in learning rate and weight decay, where left open, for so many steps of a network of known size.

    passes: how often these read the corpus.
    """
    often = passes >= MANY_PASSES
    rate = config.learning_rate
    if rate is None:
        assert model.hidden_size and model.layers
        highest = _HIGHEST_BY_HEART if often else _HIGHEST_RATE
        of_gru = min(highest, _RATE_TIMES_WIDTH / model.hidden_size) * min(1, _LAYERS / model.layers)
        rate = _short(find(Cell, model.cell).learning_rate_scale * of_gru)
    decay = config.weight_decay
    if decay is None and steps < _SHORT:
        decay = _HARDLY
    elif decay is None:
        decay = _HIGHEST_DECAY if often else min(_HIGHEST_DECAY, _short(1 / (_WORN_DOWN * rate)))
    return replace(config, learning_rate=rate, weight_decay=decay)


def _short(number: float) -> float:
    """Two digits, which say as much as was measured."""
    return float(f"{number:.2g}")
