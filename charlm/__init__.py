"""charlm: train, sample and score language models of your own text with recurrent networks.

    model = charlm.train("corpus.txt")            # or charlm.load("checkpoints/corpus")
    print(model.sample("Once upon", temperature=0.8)[0].text)
    print(model.score("cats average 15 hours").bits_per_char)

Importing this package does not import torch; the first use of a name below does.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from charlm.version import __version__

if TYPE_CHECKING:
    from charlm.checkpoints.checkpoint import load
    from charlm.config import ModelConfig, TrainConfig
    from charlm.data.texts import lines
    from charlm.errors import (
        CharlmError,
        ConfigError,
        CorpusError,
        CorpusNotFoundError,
        DistributedError,
        DivergenceError,
        ModelError,
        ModelExistsError,
        ModelInUseError,
        SaveError,
        UnknownCharacterError,
        UnknownNameError,
    )
    from charlm.generation.generate import Sample
    from charlm.language_model import LanguageModel, Next
    from charlm.plan import Plan
    from charlm.scoring.evaluation import Evaluation
    from charlm.scoring.score import Score
    from charlm.training.train import train

_HOME = {
    "load": "checkpoints.checkpoint",
    "train": "training.train",
    "lines": "data.texts",
    "LanguageModel": "language_model",
    "Next": "language_model",
    "Score": "scoring.score",
    "Sample": "generation.generate",
    "Evaluation": "scoring.evaluation",
    "Plan": "plan",
    "ModelConfig": "config",
    "TrainConfig": "config",
    "CharlmError": "errors",
    "ConfigError": "errors",
    "CorpusError": "errors",
    "CorpusNotFoundError": "errors",
    "DistributedError": "errors",
    "DivergenceError": "errors",
    "ModelError": "errors",
    "ModelExistsError": "errors",
    "ModelInUseError": "errors",
    "SaveError": "errors",
    "UnknownCharacterError": "errors",
    "UnknownNameError": "errors",
}

__all__ = [
    "CharlmError",
    "ConfigError",
    "CorpusError",
    "CorpusNotFoundError",
    "DistributedError",
    "DivergenceError",
    "Evaluation",
    "LanguageModel",
    "ModelConfig",
    "ModelError",
    "ModelExistsError",
    "ModelInUseError",
    "Next",
    "Plan",
    "Sample",
    "SaveError",
    "Score",
    "TrainConfig",
    "UnknownCharacterError",
    "UnknownNameError",
    "__version__",
    "lines",
    "load",
    "train",
]


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'charlm' has no attribute {name!r}")
    return getattr(import_module(f"charlm.{_HOME[name]}"), name)
