"""What a network can be trained to do: the contract between a task and everything that trains, stores and shows it.

A file of this folder is a task: `tasks/language.py` is `--task language`. A `Task` reads raw data, prepares it as a
`Dataset`, and rebuilds a model (`charlm.model`) from its folder. A dataset has the batches, the network, the
evaluation, and the description for a person. Importing this file does not import torch.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self

from charlm.config import ModelConfig, TrainConfig
from charlm.progress import OnProgress
from charlm.registry import declarations
from charlm.tasks._batch import Batch as Batch
from charlm.tasks._batch import Batches as Batches
from charlm.tasks._metrics import Metrics as Metrics
from charlm.tasks._words import About as About
from charlm.tasks._words import Card as Card
from charlm.tasks._words import DataWarning as DataWarning
from charlm.tasks._words import Row as Row
from charlm.tasks._words import Unit as Unit

if TYPE_CHECKING:
    import torch

    from charlm.model import Contents, Model, Record
    from charlm.nn.trainable import Trainable
    from charlm.plan import Plan
    from charlm.tokenizers import Tokenizer

ReadRows = Callable[[Sequence[Any]], list[Any]]  # arrays of any kind → arrays of float64, one for each
# Rows, what reads them, and the length of each result → the results; several processes may share the rows.
MapRows = Callable[[Sequence[Any], ReadRows, Sequence[int]], list[Any]]


def map_alone(rows: Sequence[Any], read: ReadRows, lengths: Sequence[int]) -> list[Any]:
    """Read all rows in this process."""
    return read(rows)


class Candidate(NamedTuple):
    """A network that a run keeps if it is the best one yet, and its metrics on the held-out part.

    answered: in words, the part of the network that answers, if it is a part.
    """

    network: "Trainable"
    metrics: Metrics
    answered: str = ""


class Dataset(ABC):
    """Data made ready for a run. What it was read from is not read again.

    sha256: of the training part and the held-out part. tokenizer: the vocabulary of what the network reads, if it reads
    text.
    """

    sha256: str
    if TYPE_CHECKING:
        tokenizer: Tokenizer

    @property
    @abstractmethod
    def name(self) -> str:
        """The name of a model that is trained without a folder."""

    @property
    @abstractmethod
    def unit(self) -> Unit: ...

    @property
    @abstractmethod
    def validation(self) -> Sequence[Any]:
        """The held-out examples."""

    @property
    @abstractmethod
    def validation_size(self) -> int:
        """The extent of the held-out part, in what the speed counts."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """The data and what was learned from it before training, which all processes of a run must have in common."""

    @property
    @abstractmethod
    def blind_guess(self) -> float:
        """The loss in nats of a network that knows nothing."""

    @abstractmethod
    def first_examples(self, size: int) -> tuple[Sequence[Any], int]:
        """Return examples of the held-out part of about `size`, and their `validation_size`.

        They are read as fast as the whole part, in proportion to their size.
        """

    @abstractmethod
    def repeated(self, reason: str) -> Self:
        """Return this dataset for a run that is repeated or continued, which is the `reason` for its choices."""

    @abstractmethod
    def complete(self, model: ModelConfig) -> ModelConfig:
        """Fill in what the data decides."""

    def complete_run(self, config: TrainConfig) -> TrainConfig:
        """Fill in what was chosen while the data was prepared."""
        return config

    @abstractmethod
    def choose_readout(self, model: ModelConfig) -> ModelConfig:
        """Fill in the kind of the readout, if a new plan leaves it open."""

    @abstractmethod
    def batches(self, config: TrainConfig, rows: Callable[[int], slice]) -> Batches:
        """Return the batches of a run, with the rows that `rows` selects for this process."""

    @abstractmethod
    def shape(self, model: ModelConfig) -> "Trainable":
        """Build a network that knows nothing of the data, on torch's default device; `model` must be resolved."""

    @abstractmethod
    def network(self, model: ModelConfig, device: "torch.device", seed: int) -> "Trainable":
        """Build the untrained network of a run; `model` must be resolved."""

    def start(self, network: "Trainable", model: "Model") -> str:
        """Give an untrained network the weights of a language model; return in words what its tokens start as."""
        from charlm.tasks._start import start

        return start(network, self.tokenizer, model)

    @abstractmethod
    def evaluate(self, network: Any, examples: Sequence[Any], map_rows: MapRows = map_alone) -> Metrics:
        """Evaluate examples of the held-out part as `charlm evaluate` does."""

    def first_model(self, network: Any, map_rows: MapRows = map_alone) -> Candidate | None:
        """Return a model that answers without training, or None. network: the untrained one, which must not change."""
        return None

    def validate(self, network: Any, map_rows: MapRows = map_alone) -> Candidate:
        """Evaluate the network on the held-out part. What else is fitted to that part belongs to the candidate."""
        return Candidate(network, self.evaluate(network, self.validation, map_rows))

    @abstractmethod
    def metrics_from(self, values: object) -> Metrics:
        """Rebuild metrics from the fields in parsed JSON. Raises ConfigError."""

    @abstractmethod
    def previews(self, model: ModelConfig, network: Any, seed: int) -> tuple[str, ...]:
        """Show what the network does now, always from the same questions; () if an output is not finite."""

    @abstractmethod
    def about(self, batches: Batches, model: ModelConfig, config: TrainConfig) -> About:
        """Describe the data for a person, before training."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Describe the data for `config.json`, without any of its text."""

    @abstractmethod
    def contents(self) -> "Contents":
        """Return what the folder of a model has of its task."""

    @abstractmethod
    def model(self, model: ModelConfig, network: Any, *, name: str, record: "Record") -> "Model":
        """Return a network that was trained on this data as a model."""

    @abstractmethod
    def card(self, plan: "Plan", metrics: Metrics | None, previews: Sequence[str]) -> Card:
        """Return the parts of the model card."""


class Source(Protocol):
    """Raw data that was read, from which a dataset can be prepared."""

    def check_same(self, model: "Model", described: Mapping[str, Any], figures: Mapping[str, Any]) -> None:
        """Raise CorpusError if a model was not trained and validated on this data.

        described: the data in its config.json. figures: of its validation.
        """


class Task(ABC):
    """A task. Its class variables are literals, which are read without importing the task.

    kind: what a model of this task is, as config.json and messages call it. files: the files that only its folder has.
    more_files: files that are not JSON, each with the attribute of the configuration that is true if the folder has it.
    verb: the command that asks the model. figure: the figures of a validation that tell how good a model is, each with
    its name in a table; the first stored one counts. settings: the fields of charlm.task_settings.TaskSettings that the
    task has. input_settings: those that change what the cells read, so a network that starts from a model has none.
    tokenizer: the one that reads its texts if none is named.
    """

    kind: ClassVar[str]
    files: ClassVar[tuple[str, ...]]
    more_files: ClassVar[Mapping[str, str]] = {}
    verb: ClassVar[str]
    figure: ClassVar[tuple[tuple[str, str], ...]]
    settings: ClassVar[tuple[str, ...]]
    input_settings: ClassVar[tuple[str, ...]] = ()
    tokenizer: ClassVar[str] = ModelConfig.tokenizer

    @classmethod
    @abstractmethod
    def read(
        cls,
        source: Any,
        valid: Any | None,
        model: ModelConfig,
        *,
        tokenizer: "Tokenizer | None" = None,
        on_progress: OnProgress,
    ) -> Source:
        """Read the data, and the held-out part if it is separate.

        tokenizer: a vocabulary to use unchanged. Raises CorpusError.
        """

    @classmethod
    @abstractmethod
    def prepare(
        cls,
        source: Any,
        model: ModelConfig,
        config: TrainConfig,
        *,
        tokenizer: "Tokenizer | None" = None,
        on_progress: OnProgress,
    ) -> Dataset:
        """Hold out a part, and turn the rest into numbers.

        source: what `read` returned. Raises CorpusError for data that cannot be trained on.
        """

    @classmethod
    def program(cls, config: ModelConfig) -> str:
        """Return Python that reads a model of this task with numpy alone; "" if there is none."""
        return ""

    @classmethod
    @abstractmethod
    def empty_model(
        cls, config: ModelConfig, contents: "Contents", *, name: str = "", record: "Record | None" = None
    ) -> "Model":
        """Return a model whose network has no weights yet, on torch's default device.

        Raises ConfigError for a wrong configuration, charlm.model.BadFileError for a wrong file.
        """


def declared() -> dict[str, Mapping[str, Any]]:
    """Return the class variables of each task, by the name of the task; no task is imported."""
    return {each.name: each.values for each in declarations("tasks", "Task")}
