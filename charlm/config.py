"""Settings of a model and of its training, with all defaults.

`ModelConfig` is fixed when a model is trained, and is stored in its `config.json`. `TrainConfig` may differ from run to
run. None is a choice that depends on the corpus and the time budget; `training.planner` makes it.
"""

import math
import os
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from charlm.errors import ConfigError
from charlm.registry import check_name, declarations
from charlm.settings import check_activation, check_choice, check_count, check_range
from charlm.task_settings import MAX_VOCABULARY, CountedSettings, TaskSettings

TOKENIZER_FIELDS = ("vocab_size", "min_count", "closed", "model_type")  # fields of ModelConfig for training a tokenizer
SCHEDULES = ("linear", "cosine")  # of the learning rate
BUDGETS = ("minutes", "epochs", "steps")  # fields of TrainConfig, of which one is given


class TextMode(StrEnum):
    """The way to cut a text into sequences. A member equals its value in files and options."""

    LINE = "line"  # each line is a sequence of its own, and ends with <EOS>
    STREAM = "stream"  # each document is one running text without an end


@dataclass(frozen=True, repr=False)
class ModelConfig(TaskSettings):
    """The task, the tokenizer and the shape of a model.

    task: what the network learns; auto: chosen by the data.
    text_column: of the texts to classify.
    label_column: of their labels.
    source_column: of the texts to answer.
    target_column: of their answers.
    token_column: of the tokens to tag.
    tag_column: of their tags.
    time_column: of the times of a series.
    value_column: of its values.
    multi_label: whether a text may have several labels.
    class_weights: what a label counts for: none, balanced, or as in spam:2,ham:1.
    metric: the figure by which the best network is chosen.
    bidirectional: whether a second stack of cells reads each example from its end to its start.
    pooling: how the outputs of an example become one vector.
    features: what is read in addition to the tokens: ngrams or none.
    attention: whether each target token sees a weighted mean of the source.
    horizon: steps to forecast.
    season: steps after which a series repeats itself; 1: it does not.
    scale: what the values of a series are divided by: mean, standard or none.
    density: of the next value of a series.
    ngram: the order of the counts of n-grams that share the prediction with the network, or none; auto: chosen.
    ngram_guesses: whether the network knows the two tokens that the counts expect most.
    shortlist: common tokens with the full width in an adaptive readout; None: 1/64 of the vocabulary, unless chosen.
    tokenizer: what a token is: char, word, subword or byte.
    vocab_size: V, control tokens included; None: the tokenizer's choice.
    min_count: rarer units of text are not tokens; None: the tokenizer's default.
    closed: whether a word outside the vocabulary is <UNK> instead of spelled.
    model_type: kind of subword tokenizer, by sentencepiece's names, unigram or bpe.
    vocabulary: SHA-256 of the vocabulary that was given; None: learned from the corpus.
    sequence: how the text is read, line or stream; auto: chosen by the corpus.
    embedding: the input layer, learned or one-hot.
    embedding_size: E, the width of its vectors; None: chosen by the plan, and V for a one-hot input.
    cell: the recurrent cell of each layer.
    activation: g of the cells rnn and jordan; None: the cell's own.
    hidden_size: H, the width of each layer; None: chosen by the plan.
    layers: L, the number of recurrent layers; None: chosen by the plan.
    dropout: share of outputs that is zeroed between layers and before the readout; None: chosen by the plan.
    residual: whether each layer but the lowest adds its input to its output.
    readout_layers: dense layers above the recurrent ones, output layer included.
    readout: the output layer, dense or adaptive; auto: chosen by how often tokens occur.
    tie_weights: whether the embedding and the readout share one table.

    Raises ConfigError for a value of the wrong type or outside its bounds, UnknownNameError for an unknown name.
    """

    tokenizer: str = "char"
    vocab_size: int | None = None
    min_count: int | None = None
    closed: bool = False
    model_type: str = "unigram"
    vocabulary: str | None = None
    sequence: str = "auto"
    embedding: str = "learned"
    embedding_size: int | None = None
    cell: str = "gru"
    activation: str | None = None
    hidden_size: int | None = None
    layers: int | None = None
    dropout: float | None = None
    residual: bool = False
    readout_layers: int = 1
    readout: str = "auto"
    tie_weights: bool = False

    # Checked before anything is allocated, since a damaged file may claim any size.
    UPPER_BOUNDS: ClassVar[dict[str, int]] = {
        "vocab_size": MAX_VOCABULARY,
        "min_count": 2**40,
        "embedding_size": 65_536,
        "hidden_size": 65_536,
        "layers": 64,
        "readout_layers": 64,
    }
    ADDED_LATER: ClassVar[frozenset[str]] = frozenset(
        {"residual", "readout_layers", "readout", "tie_weights", *TOKENIZER_FIELDS, "vocabulary", *TaskSettings.unset()}
    )
    OLD_DEFAULTS: ClassVar[dict[str, Any]] = {"readout": "dense", "ngram": "none", "ngram_guesses": False}
    # The fields that name a variant, with the package that has a file for each.
    VARIANTS: ClassVar[dict[str, str]] = {
        "task": "tasks",
        "tokenizer": "tokenizers",
        "embedding": "nn.embeddings",
        "cell": "nn.cells",
        "readout": "nn.readouts",
        "pooling": "nn.poolings",
        "density": "nn.densities",
    }

    def _check(self) -> None:
        super()._check()
        check_choice("sequence", self.sequence, ("auto", *TextMode))
        for name, bound in self.UPPER_BOUNDS.items():
            check_count(name, getattr(self, name), 1, bound)
        check_range("dropout", self.dropout, 0, 0.95)
        check_choice("model_type", self.model_type, ("unigram", "bpe"))
        for name, package in self.VARIANTS.items():
            value = getattr(self, name)
            if value is not None and (name, value) not in (("readout", "auto"), ("task", "auto")):
                check_name(package, name, value)
        if self.activation is not None:
            check_activation(self.activation)
            self._check_cell_has_activation()
        if self.tie_weights:
            self._equal_widths()

    def _check_cell_has_activation(self) -> None:
        cells = [each.name for each in declarations(self.VARIANTS["cell"]) if each.values.get("takes_activation")]
        if self.cell not in cells:
            raise ConfigError(f"activation is {self.activation!r}, but only {' and '.join(cells)} have one to choose")

    def _equal_widths(self) -> None:
        """Set embedding_size and hidden_size to the same width, since they are the widths of one table."""
        widths = {self.embedding_size, self.hidden_size} - {None}
        if len(widths) > 1:
            sizes = f"embedding_size is {self.embedding_size} and hidden_size is {self.hidden_size}"
            raise ConfigError(f"with tied weights both widths must be equal, but {sizes}; give only one of them")
        for width in widths:
            object.__setattr__(self, "embedding_size", width)
            object.__setattr__(self, "hidden_size", width)

    @property
    def resolved(self) -> bool:
        """Whether every choice is made, as a network needs it."""
        sizes = (self.embedding_size, self.hidden_size, self.layers, self.dropout)
        return "auto" not in (self.task, self.sequence, self.ngram) and None not in sizes

    @property
    def brief_shape(self) -> str:
        """The recurrent layers and their width: "2 × relu rnn 256"."""
        return f"{self.layers} × {self._named_cell} {self.hidden_size}"

    @property
    def shape(self) -> str:
        """The shape in words: "2 × relu rnn, 256 wide, residual, 2 readout layers, tied weights"."""
        residual = ", residual" if self.residual else ""
        readout = f", {self.readout_layers} readout layers" if self.readout_layers > 1 else ""
        kind = f", {self.readout} readout" if self.readout not in ("auto", "dense") else ""
        tied = ", tied weights" if self.tie_weights else ""
        return f"{self.layers} × {self._named_cell}, {self.hidden_size} wide{residual}{readout}{kind}{tied}"

    @property
    def _named_cell(self) -> str:
        return f"{self.activation} {self.cell}" if self.activation else self.cell


@dataclass(frozen=True, repr=False)
class TrainConfig(CountedSettings):
    """Settings of a training run.

    ngram_size: megabytes that the counts of n-grams take on disk at most.
    ngram_tokens: the tokens that are counted, 0 for all; None: chosen by the corpus and the time.
    ngram_blocks: blocks of a running text that the counts leave out in turn; None: chosen.
    batch_size: B, the windows of a step.
    seq_len: T, the tokens of a window; gradients flow back no further.
    optimizer: what turns gradients into updates: adamw or soap.
    schedule: how the learning rate falls from its peak: linear or cosine.
    learning_rate: the peak; None: chosen by the plan.
    clip: upper bound of the gradient's norm.
    weight_decay: decay of matrices, as a multiple of the learning rate; None: chosen by the plan.
    minutes: wall-clock time of the whole command.
    epochs: passes over the corpus, in place of minutes.
    steps: training steps, in place of minutes.
    valid_fraction: share of the corpus that is held out for validation.
    seed: the only source of random numbers.
    device: auto, cpu, cuda or mps.
    threads: CPU threads; None: torch's own choice.
    save_every: seconds between two saves of the training state.
    sync_every: steps after which the processes take the mean of their weights; 1: each step has their mean gradient.
    precision: of the factors of recurrent products, auto, float32 or bfloat16; sums are float32.
    embedding_file: word2vec text file with the embedding's initial vectors.
    freeze_embedding: whether the embedding stays as it is in that file.
    start_from: the language model, by its name or path, whose weights the network starts with.
    start_sha256: SHA-256 of its weights, which the run fills in.
    freeze: whether the embedding and the cells that came from it are not trained.

    Raises ConfigError for a value of the wrong type or outside its bounds, or for two budgets at once.
    """

    batch_size: int = 32
    seq_len: int = 64
    optimizer: str = "soap"
    schedule: str = "linear"
    learning_rate: float | None = None
    clip: float = 1.0
    weight_decay: float | None = None
    minutes: float | None = None
    epochs: float | None = None
    steps: int | None = None
    valid_fraction: float = 0.1
    seed: int = 0
    device: str = "auto"
    threads: int | None = None
    save_every: float = 90.0
    sync_every: int = 1
    precision: str = "auto"
    embedding_file: str | None = None
    freeze_embedding: bool = False
    start_from: str | None = None
    start_sha256: str | None = None
    freeze: bool = False

    # Files leave these fields out if they are not set. Plans of older versions have none of them.
    UNWRITTEN: ClassVar = ("start_from", "start_sha256", "freeze", "sync_every", *CountedSettings.names())
    ADDED_LATER: ClassVar[frozenset[str]] = frozenset(
        {"embedding_file", "freeze_embedding", "optimizer", "schedule", *UNWRITTEN}
    )
    OLD_DEFAULTS: ClassVar[dict[str, str]] = {"optimizer": "adamw", "schedule": "cosine"}
    DEFAULT_MINUTES: ClassVar[float] = 3.0  # the budget if none is given

    def __post_init__(self) -> None:
        for name in ("embedding_file", "start_from"):
            if isinstance(path := getattr(self, name), os.PathLike):
                object.__setattr__(self, name, os.fspath(path))
        super().__post_init__()

    @property
    def budget(self) -> tuple[str, float]:
        """The setting that limits the run, and its value."""
        return next(
            ((name, given) for name in BUDGETS if (given := getattr(self, name))), ("minutes", self.DEFAULT_MINUTES)
        )

    def total_steps(self, steps_per_epoch: float) -> int | None:
        """Return the steps of a budget in steps or epochs; None for a budget in minutes."""
        return self.steps or (math.ceil(self.epochs * steps_per_epoch) if self.epochs else None)

    @property
    def budget_minutes(self) -> float | None:
        """The budget in minutes; None if it is in steps or epochs."""
        return self.budget[1] if self.budget[0] == "minutes" else None

    def _check(self) -> None:
        super()._check()
        check_choice("device", self.device, ("auto", "cpu", "cuda", "mps"))
        check_choice("precision", self.precision, ("auto", "float32", "bfloat16"))
        check_name("training.optimizers", "optimizer", self.optimizer)
        check_choice("schedule", self.schedule, SCHEDULES)
        if len(budgets := [name for name in BUDGETS if getattr(self, name) is not None]) > 1:
            raise ConfigError(f"give one of minutes, epochs and steps, not {' and '.join(budgets)}")
        if self.freeze_embedding and self.embedding_file is None:
            raise ConfigError("freeze_embedding needs an embedding_file, and none is given")
        if self.start_from is not None and self.embedding_file is not None:
            both = "start_from brings the vectors of its model, and embedding_file has others"
            raise ConfigError(both, remedy="leave_out", settings=["embedding_file"])
        if self.freeze and self.start_from is None:
            raise ConfigError("freeze needs a model to start from, and none is given", remedy="give_start")
        for name in ("batch_size", "seq_len"):
            check_count(name, getattr(self, name), 1, 65_536)
        check_range("learning_rate", self.learning_rate, 0, 100, open_low=True)
        check_range("weight_decay", self.weight_decay, 0, 100)
        check_range("clip", self.clip, 0, math.inf, open_low=True)
        check_range("minutes", self.minutes, 0, 1_000_000, open_low=True)
        check_range("epochs", self.epochs, 0, 1_000_000, open_low=True)
        check_count("steps", self.steps, 1, 2**40)
        check_range("valid_fraction", self.valid_fraction, 0, 0.9, open_low=True)
        check_count("seed", self.seed, 0, 2**63 - 1)
        check_range("save_every", self.save_every, 0, math.inf)
        check_count("threads", self.threads, 1, 4096)
        check_count("sync_every", self.sync_every, 1, 1_000_000)

    @classmethod
    def unset(cls) -> dict[str, Any]:
        return {name: getattr(cls, name) for name in cls.UNWRITTEN}
