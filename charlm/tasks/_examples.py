"""What the tasks that learn from examples share: how the examples are read, and what a dataset of them knows."""

import hashlib
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import torch

from charlm.config import ModelConfig, TextMode, TrainConfig
from charlm.data import corpus, vocabulary
from charlm.data.documents import Document
from charlm.data.sequences import all_sequences
from charlm.errors import CorpusError
from charlm.examples import columns_of
from charlm.examples.detection import describe
from charlm.examples.holding_out import repeated
from charlm.examples.reading import Examples, read_examples
from charlm.model import Model
from charlm.nn.random_numbers import Seeded
from charlm.progress import OnProgress
from charlm.settings import check_choice
from charlm.tasks import About, Batches, Dataset, DataWarning
from charlm.tokenizers import Tokenizer, reads_any_bytes
from charlm.wording import plural, vocabulary_size


@dataclass(frozen=True)
class ExampleSource:
    """Examples, and separate ones to validate on, if there are any; `files` are the paths as given."""

    train: Examples
    valid: Examples | None
    files: tuple[str, ...]
    valid_files: tuple[str, ...]

    @classmethod
    def read(
        cls, source: Any, valid: Any | None, model: ModelConfig, tokenizer: Tokenizer | None, metrics: Sequence[str]
    ) -> "ExampleSource":
        """Read examples of a task whose best network one of `metrics` chooses. Raises CorpusError and ConfigError."""
        if model.metric is not None:
            check_choice("metric", model.metric, metrics)
        any_bytes = tokenizer.READS_ANY_BYTES if tokenizer else reads_any_bytes(model.tokenizer)
        train, held_out = (
            None if each is None else read_examples(each, model.task, columns_of(model), any_bytes=any_bytes)
            for each in (source, valid)
        )
        assert train
        return cls(train, held_out, file_names(source), file_names(valid))

    def fingerprint(self, fraction: float) -> str:
        """Return the SHA-256 of the training part and the held-out part."""
        parts = (self.train.sha256, self.valid.sha256 if self.valid else f"{fraction:g}")
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()

    def check_same(self, model: Model, described: Mapping[str, Any], figures: Mapping[str, Any]) -> None:
        if self.train.sha256 != described["sha256"]:
            files = ", ".join(described["files"])
            other = f"the texts are not those that {model.name} was trained on ({files})"
            raise CorpusError(other, remedy="continue_same_text")
        check_same_held_out(self.valid_files, model, described, "texts")


@dataclass(frozen=True, kw_only=True)
class ExampleDataset(Dataset):
    """Examples made ready for a run, in a training part and a held-out part.

    noun: what an example is, in one word.
    """

    noun: ClassVar[str]

    config: ModelConfig
    source: ExampleSource
    train: Examples
    valid: Examples
    tokenizer: Tokenizer
    sha256: str
    reason: str

    @property
    def name(self) -> str:
        return "".join(map(corpus.stem, self.source.files[:1]))

    @property
    def identity(self) -> str:
        return f"{self.sha256} {vocabulary.sha256(self.tokenizer)}"

    def repeated(self, reason: str) -> Self:
        return replace(self, reason=reason)

    def choose_readout(self, model: ModelConfig) -> ModelConfig:
        return model

    def network(self, model: ModelConfig, device: torch.device, seed: int) -> Any:
        with Seeded(seed):
            return self.shape(model).to(device)

    def about(self, batches: Batches, model: ModelConfig, config: TrainConfig) -> About:
        extent = f"{plural(len(self.train) + len(self.valid), self.noun)}, vocabulary of"
        held_out = "a separate file" if self.source.valid else "chosen by the text, so the same for every seed"
        split = f"{len(self.train):,} {self.noun}s for training, {len(self.valid):,} held out: {held_out}"
        return About(
            before=(
                ("corpus", f"{extent} {vocabulary_size(self.tokenizer.size)}{self.kinds}"),
                ("task", f"{model.task}: {self.reason}"),
                ("example", describe(self.train.items[0])),
                ("split", split),
            ),
            after=(),
            of_step=plural(batches.batch_size, self.noun),
            unit=self.unit,
            notes=(*self.train.notes, *self.valid.notes),
            warnings=tuple(map(DataWarning, self.warnings())),
            shrunk=plural(config.batch_size, self.noun) if batches.batch_size < config.batch_size else "",
        )

    @property
    @abstractmethod
    def kinds(self) -> str:
        """What the answers are, after a comma: ", 6 labels"; "" for nothing."""

    @abstractmethod
    def warnings(self) -> Iterable[str]:
        """Yield what the data cannot teach."""

    @property
    @abstractmethod
    def characters(self) -> int:
        """The characters of all examples that are not in a separate held-out file."""

    def repeated_in_training(self, noun: str) -> list[str]:
        """Say how many held-out examples also occur in the training part, if there are any."""
        both = repeated(self.train, self.valid)
        occur = f"{plural(len(both), f'held-out {noun}')} also {'occurs' if len(both) == 1 else 'occur'}"
        return [f"{occur} in the training part, the first in {both[0].where}"] if both else []

    def describe(self) -> dict[str, Any]:
        return {
            "files": list(self.source.files),
            "held_out": list(self.source.valid_files),
            "characters": self.characters,
            "sequences": len(self.train) + len(self.valid),
            "sha256": self.source.train.sha256,
            "format": self.train.format,
            "columns": self.train.columns.given(),
        }

    @property
    def facts_of_card(self) -> dict[str, str]:
        """The rows of the model card that all these tasks have."""
        return {
            "fingerprint": f"SHA-256 {self.source.train.sha256}",
            "trained on": plural(len(self.train), self.noun),
            "held out": plural(len(self.valid), self.noun),
        }


def learned_tokenizer(texts: Iterable[str], model: ModelConfig, on_progress: OnProgress) -> Tokenizer:
    """Learn a vocabulary from texts, each as a line."""
    lines = "".join(f"{text}\n" for text in texts)
    return vocabulary.learn(all_sequences([Document("texts", lines)], TextMode.LINE), model, on_progress)


def check_same_held_out(files: Sequence[str], model: Model, described: Mapping[str, Any], noun: str) -> None:
    """Raise CorpusError if a model was not validated on these files. noun: what is in them, in the plural."""
    before = described["held_out"]
    if list(files) != list(before):
        where = ", ".join(before) or f"a part of the {noun}"
        other = f"the held-out {noun} are not those that {model.name} was validated on ({where})"
        raise CorpusError(other, remedy="continue_same_valid" if before else "continue_no_valid")


def file_names(source: Any) -> tuple[str, ...]:
    """Return the paths of a source as they were given."""
    if source is None:
        return ()
    return (str(source),) if isinstance(source, str | Path) else tuple(map(str, source))
