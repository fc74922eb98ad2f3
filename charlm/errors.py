"""The errors that charlm raises.

    CharlmError                  base class: an error that the user can correct
    ├── ConfigError              a setting is out of range, or two settings contradict each other
    │   ├── UnknownNameError     no cell, tokenizer, embedding, ... has this name
    │   └── ModelExistsError     a model's folder or a file would be overwritten
    ├── CorpusError              a text cannot be downloaded, read, or trained on
    │   └── CorpusNotFoundError  a file does not exist
    ├── UnknownCharacterError    a character has no token, and unknown="error"
    ├── ModelError               a model's folder is missing, damaged, or not a model
    ├── ModelInUseError          another process is training this model
    ├── DivergenceError          the loss is not a finite number
    ├── SaveError                the disk refused the model
    └── DistributedError         another process of a joint training has ended

A message is one sentence that says what is wrong and where. What to try depends on the caller: an error has the key of
its remedy. charlm/advice.py words the key with the keywords of Python, and the words are a note of the error.
charlm/cli/remedies.py words it with the options of the command line.
"""

import warnings

from charlm.advice import advice


class CharlmError(Exception):
    """Base class of the errors that charlm raises.

    The message says what is wrong. Python prints below it what to try, from the error's `__notes__`. `remedy` is the
    key of what to try, or an empty string. `fields` are the values that the remedy's words contain.
    """

    def __init__(self, message: str, *, remedy: str = "", **fields: object) -> None:
        super().__init__(message)
        self.remedy, self.fields = remedy, fields
        if words := advice(remedy, fields):
            self.add_note(words)


class ConfigError(CharlmError):
    """A setting is out of range, or two settings contradict each other."""


class UnknownNameError(ConfigError):
    """No variant has this name. The message suggests the nearest name."""


class ModelExistsError(ConfigError):
    """A folder or file exists, and replacing it was not allowed."""


class CorpusError(CharlmError):
    """A text cannot be downloaded, read, decoded, or trained on."""


class CorpusNotFoundError(CorpusError):
    """A file does not exist. The message suggests the nearest name."""


class UnknownCharacterError(CharlmError):
    """A character is not in the vocabulary, and `unknown` is "error"."""


class ModelError(CharlmError):
    """A model's folder is missing, damaged, or not a charlm model."""


class ModelInUseError(CharlmError):
    """Another process is training the same model."""


class DivergenceError(CharlmError):
    """The loss of a training run is not a finite number."""


class SaveError(CharlmError):
    """A model or a training state cannot be written to disk."""


class DistributedError(CharlmError):
    """Another process of a joint training has ended or cannot be reached."""


_SIGNS_OF_MEMORY = (
    "allocate memory",
    "out of memory",
    "failed to map segment",  # of the dynamic linker, which loads torch
    "error return without exception set",  # of Python, where an extension had no memory for its error
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, also one of torch, means that memory ran out."""
    return isinstance(error, MemoryError) or any(sign in str(error) for sign in _SIGNS_OF_MEMORY)


def __getattr__(name: str) -> type[CharlmError]:
    if name == "PeerError":
        warnings.warn("PeerError is deprecated; use DistributedError", DeprecationWarning, stacklevel=2)
        return DistributedError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
