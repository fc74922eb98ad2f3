"""Train, sample and score language models of your own text with recurrent networks.

    model = charlm.train("corpus.txt", minutes=1)  # or charlm.load("corpus"), for checkpoints/corpus
    print(model.sample("Once upon", temperature=0.8)[0].text)
    print(model.score("cats average 15 hours").bits_per_char)

Importing this package does not import torch; the first use of a function or class below does.
"""

import os
import sys
import warnings
from functools import cache
from importlib import import_module
from threading import RLock
from typing import TYPE_CHECKING, Any, cast

from charlm.version import __version__ as __version__

if TYPE_CHECKING:
    # Each public name is written here only. Type checkers run these lines; `_modules` reads them.
    from charlm.config import ModelConfig as ModelConfig
    from charlm.config import TrainConfig as TrainConfig
    from charlm.data.sequences import lines as lines
    from charlm.errors import CharlmError as CharlmError
    from charlm.errors import ConfigError as ConfigError
    from charlm.errors import CorpusError as CorpusError
    from charlm.errors import CorpusNotFoundError as CorpusNotFoundError
    from charlm.errors import DistributedError as DistributedError
    from charlm.errors import DivergenceError as DivergenceError
    from charlm.errors import ModelError as ModelError
    from charlm.errors import ModelExistsError as ModelExistsError
    from charlm.errors import ModelInUseError as ModelInUseError
    from charlm.errors import SaveError as SaveError
    from charlm.errors import UnknownCharacterError as UnknownCharacterError
    from charlm.errors import UnknownNameError as UnknownNameError
    from charlm.generation.generate import Sample as Sample
    from charlm.generation.next_token import TokenProbability as TokenProbability
    from charlm.language_model import LanguageModel as LanguageModel
    from charlm.plan import Plan as Plan
    from charlm.scoring.evaluation import Evaluation as Evaluation
    from charlm.scoring.score import Score as Score
    from charlm.tasks.labels.classifier import Classifier as Classifier
    from charlm.tasks.labels.classifier import Prediction as Prediction
    from charlm.tasks.numbers.forecaster import Forecaster as Forecaster
    from charlm.tasks.pairs.translator import Alignment as Alignment
    from charlm.tasks.pairs.translator import Translation as Translation
    from charlm.tasks.pairs.translator import Translator as Translator
    from charlm.tasks.tags.tagger import MarkedSpan as MarkedSpan
    from charlm.tasks.tags.tagger import TaggedSentence as TaggedSentence
    from charlm.tasks.tags.tagger import Tagger as Tagger
    from charlm.typed import load as load
    from charlm.typed import train as train

# The first use of a name imports modules. A child that is forked meanwhile would wait forever for the import's locks.
_importing = RLock()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(
        before=_importing.acquire, after_in_parent=_importing.release, after_in_child=_importing.release
    )

_RENAMED = {"Next": "TokenProbability"}  # old public names, which this release still accepts, and their new ones


@cache
def _modules() -> dict[str, str]:
    """Return the module that defines each public name."""
    import ast  # not at the top: the command line never needs it

    source = cast(Any, __spec__).loader.get_source(__name__)  # not a path, so that a zip file works too
    block = next(node for node in ast.parse(source).body if isinstance(node, ast.If))
    imports = (node for node in block.body if isinstance(node, ast.ImportFrom))
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def __dir__() -> list[str]:
    return sorted([*_modules(), "__version__"])


if not TYPE_CHECKING:  # type checkers know the names above, and find a misspelled one

    def __getattr__(name: str) -> Any:
        if name == "__all__":
            return __dir__()
        if name in _RENAMED:
            new = _RENAMED[name]
            warnings.warn(f"charlm.{name} is deprecated; use charlm.{new}", DeprecationWarning, stacklevel=2)
            name = new
        if name.startswith("__") or name not in _modules():
            this = sys.modules[__name__]
            raise AttributeError(f"module 'charlm' has no attribute {name!r}", name=name, obj=this)
        with _importing:
            return getattr(import_module(_modules()[name]), name)
