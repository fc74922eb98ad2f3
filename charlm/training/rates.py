"""How fast a network learns, where the user does not say: the peak of its learning rate, and the weight decay.

Measured, not derived (benchmarks/README.md). A network of half the width takes about twice the rate, as theory has it
for Adam (Yang & Hu 2021, "Tensor programs IV"). A weight that is not learned any more is worn down in so many steps,
at whatever rate; sooner where the corpus is read so often that it could be learned by heart.
"""

from dataclasses import replace

from charlm.cells import Cell
from charlm.config import ModelConfig, TrainConfig
from charlm.discover import find
from charlm.training.sizing import MANY_PASSES

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
        rate = _short(find(Cell, model.cell).rate_beside_gru * of_gru)
    decay = config.weight_decay
    if decay is None and steps < _SHORT:
        decay = _HARDLY
    elif decay is None:
        decay = _HIGHEST_DECAY if often else min(_HIGHEST_DECAY, _short(1 / (_WORN_DOWN * rate)))
    return replace(config, learning_rate=rate, weight_decay=decay)


def _short(number: float) -> float:
    """Two digits, which say as much as was measured."""
    return float(f"{number:.2g}")
