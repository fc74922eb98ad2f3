"""What a model is and how it is trained: the only home of defaults.

`ModelConfig` is fixed once a model is trained and lies in its `config.json`; `TrainConfig` may differ from run to
run. None stands for a choice that depends on the corpus and the time given, and is made by `planning`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar

from charlm.errors import ConfigError

VOCABULARY = ("vocab_size", "min_count", "closed", "model_type")  # what a tokenizer is trained by
LARGEST_VOCABULARY = 2**24  # symbols


class TextMode(StrEnum):
    """How a text is cut into sequences. A member equals its value, which is what files and options hold."""

    LINE = "line"  # each line is a sequence of its own, and ends with <EOS>
    STREAM = "stream"  # each document is one running text without an end


def check_range(name: str, value: float | None, low: float, high: float, *, open_low: bool = False) -> None:
    """Raise ConfigError unless `value` is None or lies in [low, high] (in ]low, high] with `open_low`)."""
    if value is None or (low < value <= high if open_low else low <= value <= high):
        return
    bound = f"more than {low:g}" if open_low else f"at least {low:g}"
    limit = "" if high == float("inf") else f" and at most {high:g}"
    raise ConfigError(f"{name.replace('_', '-')} is {str(value)[:30]}; it must be {bound}{limit}")


def check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """Raise ConfigError unless `value` is one of them."""
    *others, last = choices
    if value not in (*others, last):
        raise ConfigError(f"{name} is {str(value)[:40]!r}; it must be {', '.join(others)} or {last}")


@dataclass(frozen=True)
class ModelConfig:
    """The shape of a model. Raises ConfigError for a size outside its bounds."""

    tokenizer: str = "char"
    vocab_size: int | None = None  # V, control symbols included; None: as large as the tokenizer finds sensible
    min_count: int | None = None  # what is rarer in the corpus has no symbol of its own; None: the tokenizer's default
    closed: bool = False  # a word outside the vocabulary is <UNK> rather than spelled
    model_type: str = "unigram"  # of subwords, in the words of sentencepiece: unigram or bpe
    vocabulary: str | None = None  # SHA-256 of the one that was given, None: it is learned from the corpus
    sequence: str = "auto"  # auto, line or stream
    embedding: str = "learned"
    embedding_size: int | None = None  # E; None: chosen by the plan; a one-hot input is as wide as the vocabulary
    cell: str = "gru"
    activation: str | None = None  # g of the plain recurrent network, None: its default
    hidden_size: int | None = None  # H
    layers: int | None = None  # L
    dropout: float | None = None  # share of outputs zeroed between layers and before the readout
    residual: bool = False  # each layer above the lowest adds its input to its output
    readout_layers: int = 1  # dense layers on top of the recurrent ones, the one that makes the logits included
    readout: str = "auto"  # which makes the logits; auto: by the size of the vocabulary
    tie_weights: bool = False  # the embedding's table is the readout's matrix too

    # A file that claims more is refused before anything is allocated.
    LARGEST: ClassVar[dict[str, int]] = {
        "vocab_size": LARGEST_VOCABULARY,
        "min_count": 2**40,
        "embedding_size": 65_536,
        "hidden_size": 65_536,
        "layers": 64,
        "readout_layers": 64,
    }
    # A file from before there were these has their defaults, and the readout there was.
    LATER: ClassVar[frozenset[str]] = frozenset(
        {"residual", "readout_layers", "readout", "tie_weights", *VOCABULARY, "vocabulary"}
    )
    BEFORE: ClassVar[dict[str, str]] = {"readout": "dense"}

    def __post_init__(self) -> None:
        check_choice("sequence", self.sequence, ("auto", *TextMode))
        for name, largest in self.LARGEST.items():
            check_range(name, getattr(self, name), 1, largest)
        check_range("dropout", self.dropout, 0, 0.95)
        check_choice("model-type", self.model_type, ("unigram", "bpe"))
        if self.tie_weights:
            self._one_width()

    def _one_width(self) -> None:
        """A table for both ends is as wide as both: the width that is given for one is that of the other."""
        widths = {self.embedding_size, self.hidden_size} - {None}
        if len(widths) > 1:
            sizes = f"embedding-size {self.embedding_size} and hidden-size {self.hidden_size}"
            raise ConfigError(f"tie-weights makes one table of two, and {sizes} differ; leave one of them out")
        for width in widths:
            object.__setattr__(self, "embedding_size", width)
            object.__setattr__(self, "hidden_size", width)

    @property
    def resolved(self) -> bool:
        """Whether nothing is left to be chosen, as a network needs it."""
        sizes = (self.embedding_size, self.hidden_size, self.layers, self.dropout)
        return self.sequence != "auto" and None not in sizes

    @property
    def shape(self) -> str:
        """In words: 2 × relu rnn, 256 wide, residual, 2 readout layers, tied weights."""
        cell = f"{self.activation} {self.cell}" if self.activation else self.cell
        residual = ", residual" if self.residual else ""
        readout = f", {self.readout_layers} readout layers" if self.readout_layers > 1 else ""
        kind = f", {self.readout} readout" if self.readout not in ("auto", "dense") else ""
        tied = ", tied weights" if self.tie_weights else ""
        return f"{self.layers} × {cell}, {self.hidden_size} wide{residual}{readout}{kind}{tied}"


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained. Raises ConfigError for a value outside its bounds, or for two budgets at once."""

    batch_size: int = 32  # B
    seq_len: int = 64  # T, steps of truncated backpropagation through time
    learning_rate: float | None = None  # at its peak; None: chosen by the plan
    clip: float = 1.0  # largest norm of the gradient
    weight_decay: float | None = None  # of matrices, times the learning rate; None: chosen by the plan
    minutes: float | None = None  # wall clock of the whole command
    epochs: float | None = None
    steps: int | None = None
    valid_fraction: float = 0.1
    seed: int = 0
    device: str = "auto"  # auto, cpu, cuda or mps
    threads: int | None = None  # None: torch's own choice
    save_every: float = 90.0  # seconds between two saves of the whole state
    precision: str = "auto"  # of the factors of the recurrent products: float32, or bfloat16; sums are float32
    embedding_file: str | None = None  # vectors that the embedding begins with
    freeze_embedding: bool = False  # and keeps

    # A plan from before there were these has their defaults.
    LATER: ClassVar[frozenset[str]] = frozenset({"embedding_file", "freeze_embedding"})
    DEFAULT_MINUTES: ClassVar[float] = 3.0  # the budget where none is given

    def __post_init__(self) -> None:
        check_choice("device", self.device, ("auto", "cpu", "cuda", "mps"))
        check_choice("precision", self.precision, ("auto", "float32", "bfloat16"))
        budgets = [name for name in ("minutes", "epochs", "steps") if getattr(self, name) is not None]
        if len(budgets) > 1:
            raise ConfigError(f"give one of minutes, epochs and steps, not {' and '.join(budgets)}")
        if self.freeze_embedding and self.embedding_file is None:
            raise ConfigError("freeze-embedding keeps the vectors of an embedding-file, and none is given")
        infinity = float("inf")
        check_range("batch_size", self.batch_size, 1, 65_536)
        check_range("seq_len", self.seq_len, 1, 65_536)
        check_range("learning_rate", self.learning_rate, 0, 100, open_low=True)
        check_range("weight_decay", self.weight_decay, 0, 100)
        check_range("clip", self.clip, 0, infinity, open_low=True)
        check_range("minutes", self.minutes, 0, 1_000_000, open_low=True)
        check_range("epochs", self.epochs, 0, 1_000_000, open_low=True)
        check_range("steps", self.steps, 1, 2**40)
        check_range("valid_fraction", self.valid_fraction, 0, 0.9, open_low=True)
        check_range("seed", self.seed, 0, 2**63 - 1)
        check_range("save_every", self.save_every, 0, infinity)
        check_range("threads", self.threads, 1, 4096)


def _shown(text: str) -> str:
    """What a file says, fit for a message: short, and nothing that drives a terminal."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text[:200])


def _type_names(annotation: Any) -> list[str]:
    """['int', 'None'] for `int | None`."""
    return str(getattr(annotation, "__name__", annotation)).split(" | ")


def from_mapping(kind: type[Any], values: object, source: str) -> Any:
    """A `ModelConfig` or `TrainConfig` from parsed JSON; `source` names the file in errors.

    Raises ConfigError for a missing or unknown key, or a value of the wrong type, before using any of them.
    """
    if not isinstance(values, dict):
        raise ConfigError(f"{source} should hold an object, not {type(values).__name__}")
    known = {field.name: field for field in fields(kind)}
    if strange := (set(values) ^ set(known)) - (getattr(kind, "LATER", set()) - set(values)):
        names = ", ".join(sorted(map(str, strange)))
        raise ConfigError(f"{source}: {_shown(names)} should not be there, or is missing")
    for name, value in values.items():
        allowed = _type_names(known[name].type)
        given = "None" if value is None else type(value).__name__
        if given not in allowed and not (given == "int" and "float" in allowed):
            raise ConfigError(f"{source}: {name} is {repr(value)[:60]}; it should be {' or '.join(allowed)}")
    return kind(**getattr(kind, "BEFORE", {}) | values)
