"""A trained model of any task: a network, and everything that turns raw input into numbers."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from charlm.arguments import checked_path
from charlm.config import ModelConfig
from charlm.errors import ConfigError
from charlm.nn.trainable import Trainable


class Contents(NamedTuple):
    """What a model's folder has of its task, in plain JSON values.

    stated: entries of config.json. files: the content of the task's own files, by their names.
    """

    stated: Mapping[str, Any]
    files: Mapping[str, Any]


class Record(Protocol):
    """How a model was trained. It can write the model's folder."""

    def save(self, model: "Model", folder: Path, overwrite: bool) -> None: ...


class Model(ABC):
    """A trained model.

    config: the shape of the network, and the task. network: a torch module. name: the name of its folder, or of its
    data if it was trained without a folder. record: how it was trained; None for a model that was put together by hand.
    """

    if TYPE_CHECKING:  # a model declares them
        config: ModelConfig
        network: Trainable
        name: str
        record: Record | None

    @abstractmethod
    def contents(self) -> Contents:
        """Return what the folder of this model has of its task."""

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
