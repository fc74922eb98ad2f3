"""The settings that a search varies, and their ranges, which surround the defaults of this corpus and time.

A width or a rate is drawn on a logarithmic scale. The ranges are stored in the study, so that all machines draw from
the same ones.
"""

import json
from collections.abc import Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
    json_to_distribution,
)
from optuna.trial import Trial as OptunaTrial

from charlm.registry import names

Space = dict[str, BaseDistribution]

_WIDTHS, _RATES = (0.25, 2.0), (0.25, 4.0)  # the ends of a range, over the default
_LAYERS, _DROPOUT = 3, 0.5  # the upper ends
_WIDTH_STEP = 16  # a width is a multiple of this, which suits the compiled loops


def space_around(values: Mapping[str, Any]) -> Space:
    """Return a range for each varied setting, which contains its default."""
    ranges: Space = {}
    for name, value in values.items():
        if name == "hidden_size":
            narrow, wide = _WIDTHS
            ranges[name] = IntDistribution(max(1, round(value * narrow)), round(value * wide), log=True)
        elif name == "layers":
            ranges[name] = IntDistribution(1, max(_LAYERS, value))
        elif name == "learning_rate":
            slow, fast = _RATES
            ranges[name] = FloatDistribution(value * slow, value * fast, log=True)
        elif name == "dropout":
            ranges[name] = FloatDistribution(0.0, max(_DROPOUT, value))
        else:
            ranges[name] = CategoricalDistribution(names("tokenizers"))
    return ranges


def draw(trial: OptunaTrial, space: Space) -> dict[str, Any]:
    """Draw the settings of a trial, rounded as a person would write them."""
    values: dict[str, Any] = {}
    for name, kind in space.items():
        if isinstance(kind, IntDistribution):
            values[name] = trial.suggest_int(name, kind.low, kind.high, log=kind.log)
        elif isinstance(kind, FloatDistribution):
            values[name] = trial.suggest_float(name, kind.low, kind.high, log=kind.log)
        elif isinstance(kind, CategoricalDistribution):
            values[name] = trial.suggest_categorical(name, kind.choices)
    return {name: _rounded(name, value, space[name]) for name, value in values.items()}


def in_words(space: Space) -> dict[str, str]:
    """Return each range for a person: 64 to 512, or the names."""
    words = {}
    for name, kind in space.items():
        if isinstance(kind, CategoricalDistribution):
            words[name] = ", ".join(map(str, kind.choices))
        elif isinstance(kind, IntDistribution | FloatDistribution):
            words[name] = f"{kind.low:g} to {kind.high:g}"
    return words


def to_json(space: Space) -> dict[str, Any]:
    """Return plain values, which `from_json` reads."""
    return {name: json.loads(distribution_to_json(kind)) for name, kind in space.items()}


def from_json(values: Mapping[str, Any]) -> Space:
    """Rebuild the ranges that a study has stored."""
    return {name: json_to_distribution(json.dumps(value)) for name, value in values.items()}


def _rounded(name: str, value: Any, kind: BaseDistribution) -> Any:
    if name == "hidden_size":
        assert isinstance(kind, IntDistribution)
        multiple = _WIDTH_STEP * round(value / _WIDTH_STEP)
        return multiple if kind.low <= multiple <= kind.high else value
    if name == "learning_rate":
        return float(f"{value:.2g}")
    return round(value, 2) if name == "dropout" else value
