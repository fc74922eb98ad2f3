"""A model as a file for other programs: the contract of a format.

Each file of this folder is a format: `exports/onnx.py` is `charlm export onnx`. A format names the roundings of weights
that it can store, and writes its files. Files whose name begins with `_` are not formats.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from charlm.checkpoints.checkpoint import expect
from charlm.errors import ConfigError, ModelError
from charlm.exports._loss import bits_lost, bits_lost_by
from charlm.files.atomic import check_output
from charlm.files.tensor_header import ROUNDINGS
from charlm.language_model import LanguageModel
from charlm.model import Model
from charlm.registry import find, name_of
from charlm.wording import listed


@dataclass(frozen=True)
class Exported:
    """What was written: the files, the first one named by the caller, and what a person should know of them.

    notes: sentences without a full stop. values: the same in numbers, by name.
    """

    paths: tuple[Path, ...]
    notes: tuple[str, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)


class Export(ABC):
    """A format. `roundings` are what it can store weights in, the first one by default."""

    roundings: ClassVar[tuple[str, ...]] = ROUNDINGS[:1]
    holds_counts: ClassVar[bool] = False  # whether the format holds the counts beside a network

    def __init__(self, model: Model, output: Path, rounding: str, overwrite: bool) -> None:
        self.model, self.output, self.rounding, self.overwrite = model, output, rounding, overwrite

    def paths(self) -> Sequence[Path]:
        """Return the files that `write` will write. Raises ModelError for a model that the format cannot hold."""
        return (self.output,)

    @abstractmethod
    def write(self) -> Exported:
        """Write the files, each whole or not at all. Raises CharlmError, OSError."""

    def loss(self) -> tuple[tuple[str, ...], dict[str, Any]]:
        """Return what the rounding of a language model costs, as a note and as values; nothing for other models."""
        if self.rounding == ROUNDINGS[0] or not isinstance(self.model, LanguageModel):
            return (), {"weights": self.rounding}
        loss = bits_lost(self.model, self.rounding)
        values = {"weights": self.rounding, "bits_lost_per_token": loss.bits, "measured_tokens": loss.tokens}
        return (loss.sentence(self.rounding),), values

    @property
    def language_model(self) -> LanguageModel:
        """The model, if it is a language model. Raises ModelError for another task."""
        try:
            return expect(self.model, LanguageModel)
        except ModelError as error:
            kind = str(error).partition(" is ")[2].partition(",")[0]
            problem = f"{self.model.name} is {kind}, but the format {name_of(self)} holds language models only"
            raise ModelError(problem) from None


def export(model: Model, name: str, output: Path, *, rounding: str | None = None, overwrite: bool = False) -> Exported:
    """Write a model in the format `name`.

    rounding: float32, bfloat16 or int8, as far as the format has them; None: its first. overwrite: replace files.

    Raises UnknownNameError for an unknown format, ConfigError for a rounding that the format does not have,
    ModelExistsError for a file that exists, ModelError for a model that the format cannot hold, OSError.
    """
    kind = find(Export, name)
    rounding = rounding or kind.roundings[0]
    if rounding not in kind.roundings:
        problem = f"weights is {rounding!r}, but the format {name} stores {listed(kind.roundings)}"
        raise ConfigError(problem, setting="weights")
    if isinstance(model, LanguageModel) and model.config.ngram_order and not kind.holds_counts:
        return _network_alone(kind, model, output, rounding, overwrite)
    return _written(kind(model, output, rounding, overwrite))


def _written(task: Export) -> Exported:
    for path in task.paths():
        check_output(path, task.overwrite)
    return task.write()


def _network_alone(kind: type[Export], model: LanguageModel, output: Path, rounding: str, overwrite: bool) -> Exported:
    """Write the network of a model that mixes it with counts, and measure what the counts are worth."""
    alone = model.without_counts()
    written = _written(kind(alone, output, rounding, overwrite))
    loss = bits_lost_by(model, alone.network)
    note = loss.sentence("the file holds the network without the counts, which")
    values = {**written.values, "bits_lost_without_counts": loss.bits}
    return replace(written, notes=(*written.notes, note), values=values)
