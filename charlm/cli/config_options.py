"""Options that fill in a configuration: generated from the fields of `ModelConfig` and `TrainConfig`."""

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from charlm.cli.options import model_names, one_of, option_name
from charlm.cli.variant_options import Given
from charlm.config import SCHEDULES, TOKENIZER_FIELDS, ModelConfig, TrainConfig
from charlm.errors import ConfigError
from charlm.registry import names
from charlm.task_settings import FEATURES, MEGABYTES
from charlm.tasks import declared

Config = TypeVar("Config", ModelConfig, TrainConfig)

_CHOSEN = "chosen to fit the corpus and the time"
_BY_FILE, _BY_TASK = "found in the file", "chosen by the task"


@dataclass(frozen=True)
class Help:
    """The help of an option; `default` describes the default of a field whose None has a meaning of its own."""

    text: str
    default: str = ""
    choices: Sequence[str] = ()
    metavar: str | None = None
    panel: str | None = None  # heading above the option on the help page
    names_model: bool = False


def _variants(package: str) -> str:
    return ", ".join(names(package))


def _under(panel: str, options: dict[str, Help]) -> dict[str, Help]:
    return {name: replace(help, panel=panel) for name, help in options.items()}


TIME, TASK, TEXT, START, NETWORK, ADVANCED, TRAINING = (  # headings of the help page
    "Time",
    "Task",
    "Text and vocabulary",
    "Start from a model",
    "Size of the network",
    "Other parts of the network",
    "Training",
)
ValidFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--valid",
        metavar="FILE",
        help="Validate on this file instead of on part of the corpus; may be repeated.",
        rich_help_panel=TEXT,
    ),
]
TokenizerFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Use this vocabulary file instead of learning one from the corpus.",
        rich_help_panel=TEXT,
    ),
]
_OF_TASKS = {
    "task": Help(
        f"What the network learns: {_variants('tasks')}.",
        "auto: chosen by the file",
        choices=("auto", *names("tasks")),
        metavar="NAME",
    ),
    "text_column": Help("classify: the column of the texts, by its name or number.", _BY_FILE, metavar="COLUMN"),
    "label_column": Help("classify: the column of the labels.", _BY_FILE, metavar="COLUMN"),
    "source_column": Help("pair: the column of the sources.", _BY_FILE, metavar="COLUMN"),
    "target_column": Help("pair: the column of the targets.", _BY_FILE, metavar="COLUMN"),
    "token_column": Help("tag: the column of the tokens.", _BY_FILE, metavar="COLUMN"),
    "tag_column": Help("tag: the column of the tags.", _BY_FILE, metavar="COLUMN"),
    "time_column": Help("series: the column of the times.", _BY_FILE, metavar="COLUMN"),
    "value_column": Help("series: the column of the values.", _BY_FILE, metavar="COLUMN"),
    "multi_label": Help("classify: each text may have several labels."),
    "class_weights": Help("classify: what a label counts for: none, balanced, or spam:2,ham:1.", metavar="WEIGHTS"),
    "metric": Help("The figure by which the best network is chosen.", _BY_TASK, metavar="NAME"),
    "bidirectional": Help("Read each example in both directions.", _BY_TASK),
    "pooling": Help(
        f"classify: how a text becomes one vector: {_variants('nn.poolings')}.",
        _BY_TASK,
        choices=names("nn.poolings"),
        metavar="NAME",
    ),
    "features": Help(
        "tag: what is read of a word in addition to its token: ngrams (beginning, end, shape), or none. classify: what"
        " is read in addition to the tokens: ngrams (words, pairs, pieces of words), or none.",
        _BY_TASK,
        choices=FEATURES,
        metavar="NAME",
    ),
    "attention": Help("pair: let each token of the target see the whole source.", _BY_TASK),
    "horizon": Help("series: the number of steps to forecast.", _BY_FILE),
    "season": Help("series: the number of steps after which the values repeat.", _BY_FILE),
    "scale": Help(
        "series: divide values by their mean, standard deviation, or nothing.",
        _BY_TASK,
        choices=("mean", "standard", "none"),
        metavar="NAME",
    ),
    "ngram": Help(
        "language: length of the longest n-grams that are counted, or none.",
        "auto: chosen to fit the corpus",
        metavar="ORDER",
    ),
    "ngram_guesses": Help("language: let the network know the two tokens that the counts expect most.", "yes"),
    "density": Help(
        f"series: the distribution of the next value: {_variants('nn.densities')}.",
        _BY_TASK,
        choices=names("nn.densities"),
        metavar="NAME",
    ),
}
TOKENIZER_OPTIONS = _under(
    TEXT,
    {
        "tokenizer": Help(f"What a token is: {_variants('tokenizers')}.", choices=names("tokenizers"), metavar="NAME"),
        "vocab_size": Help("Number of tokens of a word or subword vocabulary.", "chosen to fit the corpus"),
        "min_count": Help("Drop tokens seen fewer times than this.", "1 for characters, 2 for words"),
        "closed": Help("Map unknown words to <UNK> instead of spelling them."),
        "model_type": Help("Algorithm of the subword tokenizer: unigram or bpe.", choices=("unigram", "bpe")),
        "sequence": Help(
            "line: each line is a sequence; stream: each document is one running text.",
            choices=("line", "stream", "auto"),
            metavar="MODE",
        ),
    },
)
_TIME = {
    "minutes": Help(
        "Time for the whole command, in minutes; with --resume, for all runs.", f"{TrainConfig.DEFAULT_MINUTES:g}"
    ),
    "epochs": Help("Passes over the corpus, instead of --minutes."),
    "steps": Help("Training steps, instead of --minutes."),
}
_NETWORK = {
    "cell": Help(f"Recurrent cell: {_variants('nn.cells')}.", choices=names("nn.cells"), metavar="NAME"),
    "hidden_size": Help("Width of each layer.", _CHOSEN),
    "layers": Help("Number of recurrent layers.", _CHOSEN),
    "embedding_size": Help("Size of a learned embedding.", _CHOSEN),
    "dropout": Help("Share of outputs set to zero during training.", _CHOSEN),
}
_ADVANCED = {
    "embedding": Help(f"Input vectors: {_variants('nn.embeddings')}.", choices=names("nn.embeddings"), metavar="NAME"),
    "embedding_file": Help("Initialize the embedding from a word2vec text file.", metavar="FILE"),
    "freeze_embedding": Help("Do not train the embedding (needs --embedding-file)."),
    "activation": Help(
        "Activation of the rnn and jordan cells: tanh, relu, sigmoid, identity.", "tanh", metavar="NAME"
    ),
    "residual": Help("Add a residual connection around every layer but the first."),
    "readout": Help(
        f"Output layer: {_variants('nn.readouts')}.",
        "auto: chosen by how often tokens occur",
        choices=("auto", *names("nn.readouts")),
        metavar="NAME",
    ),
    "readout_layers": Help("Number of dense layers above the recurrent ones, output layer included."),
    "tie_weights": Help("Use one table for the embedding and the readout."),
}
_START = {
    "start_from": Help(
        "Start from this language model: with its shape, and its weights for all known tokens.",
        metavar="MODEL",
        names_model=True,
    ),
    "freeze": Help("Do not train the embedding and the cells that come from it (needs --from)."),
}
_TRAINING = {
    "batch_size": Help("Number of sequences trained in parallel."),
    "seq_len": Help("Number of tokens through which the gradient flows back."),
    "optimizer": Help(
        f"What turns gradients into updates: {_variants('training.optimizers')}.",
        choices=names("training.optimizers"),
        metavar="NAME",
    ),
    "schedule": Help("How the learning rate falls from its peak: linear or cosine.", choices=SCHEDULES, metavar="NAME"),
    "learning_rate": Help("Peak learning rate.", "chosen to fit the network"),
    "clip": Help("Largest norm of the gradient."),
    "seed": Help("Random seed."),
    "device": Help("Where to train: auto, cpu, cuda or mps.", choices=("auto", "cpu", "cuda", "mps"), metavar="NAME"),
    "threads": Help("Number of CPU threads.", "torch's choice"),
    "sync_every": Help(
        "Under torchrun: steps after which the processes average their weights. More than 1 changes the result."
    ),
    "save_every": Help("Seconds between two saves of the state from which a run can resume."),
}
_offered = {"task", *(name for task in declared().values() for name in task["settings"])}
_TASK = {name: help for name, help in _OF_TASKS.items() if name in _offered}  # a setting that no task has is no option
_COUNTS = {
    "ngram_size": Help("language: largest size of the counts on disk, in megabytes.", f"{MEGABYTES:g}", metavar="MB"),
}
TRAIN_OPTIONS = {
    **_under(TIME, _TIME),
    **_under(TASK, _TASK | _COUNTS),
    **TOKENIZER_OPTIONS,
    **_under(TEXT, {"valid_fraction": Help("Share of the corpus to hold out for validation.")}),
    **_under(START, _START),
    **_under(NETWORK, _NETWORK),
    **_under(ADVANCED, _ADVANCED),
    **_under(TRAINING, _TRAINING),
}


def configured(options: dict[str, Help]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate a command: give it an option for each field, in place of its parameter `options`.

    The command receives, as `options`, the values that the user gave, by the name of their field. A field whose option
    is not given is missing there, so that a stored plan or the default of the configuration applies.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True)
        parameters: list[inspect.Parameter] = []
        for parameter in own.parameters.values():
            # Typer passes all parameters by name; keyword-only ones may have any order.
            generated = map(_parameter, options, options.values())
            single = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)]
            parameters += generated if parameter.name == "options" else single

        @functools.wraps(command)
        def run(**values: Any) -> None:
            given = {name: value for name in options if (value := values.pop(name)) is not None}
            command(**values, options=given)

        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        return run

    return decorate


def with_options(config: Config, options: Given) -> Config:
    """Return a configuration with the given options that are its fields."""
    own = {field.name for field in fields(config)}
    return replace(config, **{name: value for name, value in options.items() if name in own})


def _parameter(name: str, help: Help) -> inspect.Parameter:
    """The parameter of a field; its value is None if the option is not given."""
    kind = ModelConfig if name in ModelConfig.__dataclass_fields__ else TrainConfig
    annotation, default = get_type_hints(kind)[name], getattr(kind, name)
    number = f"{default:g}" if isinstance(default, float) else f"{default}"
    described = help.default or ("" if default is None or default is False else number)
    settings: dict[str, Any] = {"metavar": help.metavar, "rich_help_panel": help.panel}
    if help.choices:
        settings["autocompletion"] = one_of(help.choices)
    if help.names_model:
        settings["autocompletion"] = model_names
    text = f"{help.text} [{described}]" if described else help.text
    has_no = annotation == bool | None or default is True
    names = f"{option_name(name)}/{option_name(f'no_{name}')}" if has_no else option_name(name)
    option = typer.Option(names, help=text, show_default=False, **settings)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[annotation | None, option]
    )


def check_texts(options: Given, valid: Sequence[str] | None, tokenizer_file: Path | None) -> None:
    """Raise ConfigError for a held-out text or a vocabulary that is given in two ways."""
    if tokenizer_file and (own := [each for each in ("tokenizer", *TOKENIZER_FIELDS) if each in options]):
        raise ConfigError(f"--tokenizer-file brings its own vocabulary; leave out {option_name(own[0])}")
    if tokenizer_file and "start_from" in options:
        raise ConfigError("--tokenizer-file brings a vocabulary, and --from learns one from the text; give one of them")
    if valid and "valid_fraction" in options:
        raise ConfigError("give --valid or --valid-fraction, not both; --valid holds out a whole file")
