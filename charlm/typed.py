"""The public functions that return a model, with the type that most programs mean.

A type checker cannot know the task of a model: it treats the result as a language model, and accepts the methods of any
other model too.
"""

from collections.abc import Callable
from typing import Any, ParamSpec

from charlm.checkpoints import checkpoint
from charlm.language_model import LanguageModel
from charlm.model import Model
from charlm.training import train as training

Parameters = ParamSpec("Parameters")


def _typed(function: Callable[Parameters, Model]) -> Callable[Parameters, LanguageModel | Any]:
    return function


load = _typed(checkpoint.load)
train = _typed(training.train)
