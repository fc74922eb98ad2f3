"""What a model of each task answers on the command line: the contract `Answers`, with a file for each task.

The file has the name of the task. The fields of its class are the task's own options of `charlm predict` and `charlm
evaluate`; the metadata "only" names the command if just one of them has the option.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from charlm.errors import ModelError
from charlm.tasks import declared

if TYPE_CHECKING:
    from charlm.examples.reading import Examples, Inputs
    from charlm.measures import Measures

PACKAGE, CONTRACT = "cli.answers", "Answers"


class Answer(NamedTuple):
    """An answer in the three forms in which it can be printed.

    text: for people and pipes, without the last newline. values: of a JSON object. cells: of a row of a table.
    """

    text: str
    values: Mapping[str, Any]
    cells: Sequence[str]


class Measured(NamedTuple):
    """How well a model answers, beside naive answers, which have names.

    nats: minus log P of what is right, a mean. notes: what is unusual in the examples.
    """

    measures: "Measures"
    naive: Mapping[str, "Measures"]
    nats: float | None
    notes: Sequence[str] = ()


class Scored(NamedTuple):
    """How likely a model finds the answers in files: `header` comes before the first of them, "" for nothing."""

    header: str
    scores: Sequence[Answer]
    notes: Sequence[str] = ()


class Answers(ABC):
    """How the models of a task answer questions, and how their answers are measured.

    answers_alone: whether a model answers without a question; `inputs` is then None.
    """

    answers_alone: ClassVar[bool] = False

    def header(self) -> str:
        """Return what comes before the first answer, without the last newline; "" for nothing."""
        return ""

    @abstractmethod
    def answers(self, model: Any, inputs: "Inputs | None") -> Iterator[Answer]:
        """Yield the answer to each input, in order."""

    def unlike(self, first: Any, second: Any) -> Sequence[str]:
        """Return notes on what makes the figures of two models hard to compare.

        Raises ConfigError if they cannot be compared.
        """
        return ()

    def score(self, model: Any, examples: "Examples") -> Scored:
        """Return how likely the model finds the answer of each example. Raises ModelError if its task has no scores."""
        kind = declared()[model.config.task]["kind"]
        raise ModelError(f"{model.name} is a {kind}, which cannot do this", remedy="other_task", verb="predict")

    @abstractmethod
    def evaluate(self, model: Any, examples: "Examples") -> Measured:
        """Measure the answers to examples. Raises CorpusError for examples that cannot be measured."""
