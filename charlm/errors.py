"""The errors charlm raises, one short tree.

    CharlmError                  anything a user can mend
    ├── ConfigError              an option out of range, or two that contradict each other
    │   ├── UnknownNameError     a cell, tokenizer, embedding ... that does not exist
    │   └── ModelExistsError     a model's folder would be overwritten
    ├── CorpusError              a text that cannot be fetched, read or trained on
    │   └── CorpusNotFoundError  no such file
    ├── UnknownCharacterError    a character the model has no symbol for, where that is not allowed
    ├── ModelError               a model's folder is missing, damaged, or not a model
    ├── ModelInUseError          another process is training this model
    ├── DivergenceError          the loss is no longer a finite number
    ├── SaveError                the disk did not take the model
    └── DistributedError         a process that trains the model together with this one has ended

Each message is one sentence for a person: what is wrong and where. What to try depends on who asks: an error names its
remedy by a key, and the command line words the key as options (charlm/cli/remedies.py).
"""

import warnings


class CharlmError(Exception):
    """Base of every error that charlm raises on purpose.

    `remedy` is the key of what to try, or an empty string; `fields` are the values that its words need.
    """

    def __init__(self, message: str, *, remedy: str = "", **fields: object) -> None:
        super().__init__(message)
        self.remedy, self.fields = remedy, fields


class ConfigError(CharlmError):
    """An option is out of range, or two options contradict each other."""


class UnknownNameError(ConfigError):
    """A name that is none of the variants; the message suggests the nearest."""


class ModelExistsError(ConfigError):
    """Training would replace a folder that exists, and was not told to."""


class CorpusError(CharlmError):
    """A text that cannot be fetched, read, decoded or trained on."""


class CorpusNotFoundError(CorpusError):
    """A file that does not exist; the message suggests the nearest name."""


class UnknownCharacterError(CharlmError):
    """A character outside the vocabulary, where `unknown="error"`."""


class ModelError(CharlmError):
    """A model's folder is missing, damaged, or not a charlm model."""


class ModelInUseError(CharlmError):
    """Another process is training the same model."""


class DivergenceError(CharlmError):
    """Training met a loss that is not a finite number."""


class SaveError(CharlmError):
    """The disk did not take what training made, to the end."""


class DistributedError(CharlmError):
    """Another of the processes that train one model together has ended or cannot be reached."""


def __getattr__(name: str) -> type[CharlmError]:
    if name == "PeerError":
        warnings.warn("PeerError is deprecated; use DistributedError", DeprecationWarning, stacklevel=2)
        return DistributedError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
