"""Which settings a search varies: those of a list that the user leaves open."""

from collections.abc import Collection, Sequence
from typing import Any

from charlm.config import TOKENIZER_FIELDS, ModelConfig, TrainConfig
from charlm.errors import ConfigError
from charlm.plan import Plan

VARIED = ("hidden_size", "layers", "learning_rate", "dropout", "tokenizer")
_OF_A_START = {"hidden_size", "layers", "tokenizer"}  # a network that starts from a model has those of the model


def varied(model: ModelConfig, config: TrainConfig, given: Collection[str], own_vocabulary: bool) -> tuple[str, ...]:
    """Return the settings of VARIED that are open.

    model, config: with the task, and with what the user gave. given: the names of the settings that the user gave.
    own_vocabulary: whether the user brings a vocabulary. The tokenizer is varied for language models alone, without
    settings of a vocabulary, which mean something for one tokenizer only. Raises ConfigError if no setting is open.
    """
    fixed = {name for name in VARIED if name in given}
    fixed |= {name for name in ("hidden_size", "layers", "dropout") if getattr(model, name) is not None}
    if own_vocabulary or model.task != ModelConfig.task or not {*TOKENIZER_FIELDS}.isdisjoint(given):
        fixed.add("tokenizer")
    if config.start_from is not None:
        fixed |= _OF_A_START
    if not (left := tuple(name for name in VARIED if name not in fixed)):
        raise ConfigError("no setting is left to vary", remedy="leave_out", settings=[VARIED[0]])
    return left


def defaults(plan: Plan, varied: Sequence[str]) -> dict[str, Any]:
    """Return the values that a plan has chosen for the varied settings."""
    return {name: getattr(plan.train if name == "learning_rate" else plan.model, name) for name in varied}
