"""A trained model of any task: a network, and everything that turns raw input into numbers."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from charlm.arguments import checked_path
from charlm.config import ModelConfig
from charlm.counts import Counts
from charlm.counts import file as counts_file
from charlm.data import vocabulary
from charlm.errors import ConfigError
from charlm.nn.trainable import Trainable
from charlm.registry import find
from charlm.task_settings import MAX_VOCABULARY
from charlm.tokenizers import Tokenizer

_TOKENIZER_FILE = "tokenizer.json"


class Contents(NamedTuple):
    """What a model's folder has of its task.

    stated: entries of config.json. files: the content of the task's own files, by their names: plain JSON values, or
    bytes. A file that is not JSON is its path while a folder is read.
    """

    stated: Mapping[str, Any]
    files: Mapping[str, Any]


class BadFileError(ValueError):
    """A file of a model's folder is not what it should be. `file` is its name."""

    def __init__(self, file: str, problem: str) -> None:
        super().__init__(problem)
        self.file = file


def text_contents(tokenizer: Tokenizer, counts: Counts | None = None) -> Contents:
    """Return what the folder of a model has of its vocabulary, and of the counts beside its network."""
    files: dict[str, Any] = {_TOKENIZER_FILE: vocabulary.describe(tokenizer)}
    if counts:
        files[counts_file.NAME] = counts_file.to_bytes(counts)
    return Contents({"vocabulary_size": tokenizer.size}, files)


def rebuilt_tokenizer(config: ModelConfig, contents: Contents) -> Tokenizer:
    """Return the vocabulary of a folder. Raises ConfigError for a wrong setting, BadFileError for a wrong file."""
    stated = contents.stated.get("vocabulary_size")
    if type(stated) is not int or not len(Tokenizer.CONTROL) <= stated <= MAX_VOCABULARY:
        raise ConfigError(f"vocabulary_size is {stated!r}, which is impossible")
    find(Tokenizer, config.tokenizer)  # fails here if the configuration is wrong, not the vocabulary
    try:
        tokenizer = vocabulary.rebuild(contents.files[_TOKENIZER_FILE], config.tokenizer)
    except ValueError as error:
        raise BadFileError(_TOKENIZER_FILE, f"is not a vocabulary: {error}") from None
    if tokenizer.size != stated:
        raise BadFileError(_TOKENIZER_FILE, f"has {tokenizer.size} tokens, but config.json says {stated}")
    return tokenizer


class Record(Protocol):
    """How a model was trained. It can write the model's folder."""

    def save(self, model: "Model", folder: Path, overwrite: bool) -> None: ...


class Model(ABC):
    """A trained model.

    config: the shape of the network, and the task. tokenizer: maps text to token ids; None for a model that reads no
    text. network: a torch module. name: the name of its folder, or of its data if it was trained without a folder.
    record: how it was trained; None for a model that was put together by hand.
    """

    if TYPE_CHECKING:  # a model declares them
        config: ModelConfig
        tokenizer: Tokenizer | None
        network: Trainable
        name: str
        record: Record | None

    @abstractmethod
    def contents(self) -> Contents:
        """Return what the folder of this model has of its task."""

    def require_network(self) -> None:  # noqa: B027  # most models are a network that has learned
        """Raise ConfigError if something else answers in place of the network, which has not learned."""

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write the model to a folder, from which `charlm.load` returns it with the same weights.

        The folder has the weights, the vocabulary, the plan, the metrics and the model card. What a model has learned
        by `adapted` is not saved. overwrite: replace the model that is in the folder.

        Raises ModelExistsError if the folder exists, ModelInUseError while another process trains it, SaveError if the
        disk refuses the model.
        """
        path = checked_path("save() takes", folder)
        if self.record is None:
            raise ConfigError("only a model that charlm has trained or loaded can be saved")
        self.record.save(self, path, overwrite)
