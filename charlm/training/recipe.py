"""The size, dropout, learning rate and weight decay of a run, where the user leaves them open.

The rules were measured, not derived (benchmarks/README.md). Within a budget of arithmetic, the best network is the
largest that still reads three tokens for each of its weights. A small corpus does not fill more than a few weights for
each of its tokens.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, cast

import torch

from charlm.config import ModelConfig, TrainConfig
from charlm.nn.cells import Cell
from charlm.nn.trainable import Trainable
from charlm.registry import find

Shape = Callable[[ModelConfig], Trainable]  # builds a network of a configuration, on torch's default device

_EMBEDDING_SIZE = 64
_SIZES = ((2, 640), (2, 512), (2, 384), (2, 256), (1, 256), (1, 192), (1, 128))  # layers, width
_MIN_TOKENS_PER_WEIGHT = 3  # tokens that the run reads
_MAX_WEIGHTS_PER_TOKEN = 4  # tokens of the corpus
MANY_EPOCHS = 15  # from here on, a network can learn the corpus by heart
_MORE_EPOCHS = 40
_DROPOUTS = (0.0, 0.2, 0.4)  # for few, many and more epochs

_RATE_TIMES_WIDTH = 2.0
_MAX_RATE = 0.016
_MAX_RATE_MANY_EPOCHS = 0.004  # a higher rate learns the corpus by heart before it generalizes
# The rate of a network whose weights all come from a model, over that of a new one, for few and for many epochs.
_STARTED = (0.5, 0.25)
_USUAL_LAYERS = 2  # twice as many layers take half the rate
_DECAY_STEPS = 800  # steps at the peak rate after which 1/e of a weight is left
_MAX_DECAY = 0.3
_SHORT_RUN = 1000  # steps in which weights hardly grow, so that decay can only hurt
_DECAY_SHORT_RUN = 0.01


def weights(config: ModelConfig, shape: Shape) -> int:
    """Count the weights that a token is multiplied by: all matrices but W_x of the lowest layer, which is looked up.

    An adaptive readout counts completely, although few tokens need all of it.
    """
    width = config.hidden_size if config.tie_weights else 1
    with torch.device("meta"):  # shapes without memory
        # What a network makes of guesses is looked up too.
        network = shape(replace(config, embedding_size=width, dropout=0.0, ngram_guesses=False))
    looked_up = [cast(Cell, network.cells[0]).weight_ih]
    if not config.tie_weights:
        looked_up += network.embedding.parameters()
    matrices = [each for each in network.parameters() if each.dim() == 2]
    return sum(each.numel() for each in matrices) - sum(each.numel() for each in looked_up)


def starts_whole(config: ModelConfig, shape: Shape) -> bool:
    """Whether a network that starts from a model takes all its weights from it."""
    with torch.device("meta"):
        return shape(config).starts_whole


class Sized(NamedTuple):
    """A configuration without open sizes, and the reason for its sizes in words."""

    config: ModelConfig
    reason: str


def resolve(config: ModelConfig, tokens: int, shape: Shape, affordable: Callable[[int], float]) -> Sized:
    """Fill in the sizes that were left open.

    tokens: number of training tokens. shape: builds a network. affordable: maps a number of weights to the number of
    tokens that a network of that size can read within the budget.
    """
    asked = config
    if not config.tie_weights:
        config = replace(config, embedding_size=config.embedding_size or _EMBEDDING_SIZE)
    objection = ""  # to the next larger size
    for layers, width in _SIZES:
        sized = replace(config, layers=config.layers or layers, hidden_size=config.hidden_size or width)
        needed = weights(sized, shape)
        if sized == config:
            return Sized(sized, "as asked")
        if _MIN_TOKENS_PER_WEIGHT * needed > affordable(needed):
            objection = f"see fewer than {_MIN_TOKENS_PER_WEIGHT} tokens per weight in this run"
        elif needed > _MAX_WEIGHTS_PER_TOKEN * tokens:
            objection = f"have more than {_MAX_WEIGHTS_PER_TOKEN} weights per token of the corpus"
        else:
            return Sized(sized, _reason(asked, objection))
    return Sized(sized, f"{_reason(asked, '', smallest=True)}; it will {objection}")


def _reason(asked: ModelConfig, objection: str, *, smallest: bool = False) -> str:
    """Return why a network has its size; `objection` is what speaks against a larger one, or ""."""
    fixed = "width as asked; " if asked.hidden_size else "number of layers as asked; " if asked.layers else ""
    open_part = "number of layers" if asked.hidden_size else "width" if asked.layers else "size"
    if objection:
        larger = {"size": "a larger network", "width": "a wider network", "number of layers": "a deeper network"}
        return f"{fixed}{larger[open_part]} would {objection}"
    return f"{fixed}the {'smallest' if smallest else 'largest'} {open_part} that charlm chooses by itself"


def resolve_dropout(config: ModelConfig, epochs: float) -> ModelConfig:
    """Fill in dropout, if it was left open, for a number of passes over the corpus."""
    if config.dropout is not None:
        return config
    few, many, more = _DROPOUTS
    return replace(config, dropout=few if epochs < MANY_EPOCHS else many if epochs < _MORE_EPOCHS else more)


def resolve_rates(
    config: TrainConfig, model: ModelConfig, steps: int, epochs: float, *, started: bool = False
) -> TrainConfig:
    """Fill in the learning rate and the weight decay, if they were left open, for a network of known size.

    started: whether all its weights come from a model.
    """
    many = epochs >= MANY_EPOCHS
    rate = config.learning_rate
    if rate is None:
        assert model.hidden_size and model.layers
        highest = _MAX_RATE_MANY_EPOCHS if many else _MAX_RATE
        of_gru = min(highest, _RATE_TIMES_WIDTH / model.hidden_size) * min(1, _USUAL_LAYERS / model.layers)
        scale = find(Cell, model.cell).learning_rate_scale * (_STARTED[many] if started else 1)
        rate = _two_digits(scale * of_gru)
    decay = config.weight_decay
    if decay is None and steps < _SHORT_RUN:
        decay = _DECAY_SHORT_RUN
    elif decay is None:
        decay = _MAX_DECAY if many else min(_MAX_DECAY, _two_digits(1 / (_DECAY_STEPS * rate)))
    return replace(config, learning_rate=rate, weight_decay=decay)


def _two_digits(number: float) -> float:
    """Round to two digits, the precision of the measurements."""
    return float(f"{number:.2g}")
