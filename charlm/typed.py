"""The public functions that return a model, with the type that most programs mean.

A type checker cannot know the task of a model, so it takes the result for a language model. A program that trains a
model of another task narrows the type by `isinstance`.
"""

from collections.abc import Callable
from typing import ParamSpec, cast

from charlm.checkpoints import checkpoint
from charlm.language_model import LanguageModel
from charlm.model import Model
from charlm.training import train as training

Parameters = ParamSpec("Parameters")


def _typed(function: Callable[Parameters, Model]) -> Callable[Parameters, LanguageModel]:
    return cast(Callable[Parameters, LanguageModel], function)


load = _typed(checkpoint.load)
train = _typed(training.train)
