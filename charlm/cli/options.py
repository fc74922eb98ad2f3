"""Options that several commands share."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Annotated, Any

import typer

from charlm.checkpoints import model_paths
from charlm.config import ModelConfig
from charlm.registry import names


def model_names(incomplete: str) -> list[str]:
    """The models in checkpoints/ that begin so, for the shell's completion."""
    return [name for name in model_paths.trained() if name.startswith(incomplete)]


def one_of(choices: Sequence[str]) -> Any:
    """The same for an option with so many values."""
    return lambda incomplete: [each for each in choices if each.startswith(incomplete)]


Model = Annotated[
    str | None,
    typer.Option(
        *("--model", "-m"),
        help="A name in checkpoints/, or a folder's path. Default: the last one trained.",
        autocompletion=model_names,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout, nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Nothing on stderr but errors.")]
Unknown = Annotated[
    str, typer.Option("--unknown", help="What an unknown character becomes: unk, error, or skip (left out).")
]

Dynamic = Annotated[
    bool, typer.Option("--dynamic", help="Go on learning from what was read: dynamic evaluation (Krause 2018).")
]
Cache = Annotated[
    bool, typer.Option("--cache", help="Remember what came in a like state before: neural cache (Grave 2017).")
]


def ways(**asked: bool) -> tuple[str, ...]:
    """The ways to adapt that are asked for, by their names."""
    return tuple(name for name, wanted in asked.items() if wanted)


def with_options(base: Any, options: dict[str, Any]) -> Any:
    """A configuration with the options that were given."""
    given = {each.name: options[each.name] for each in fields(base) if options.get(each.name) is not None}
    return replace(base, **given)


def defaulted(help: str, default: object, *names: str, choices: Sequence[str] = ()) -> Any:
    """An option that is None where it was not given, so that a stored plan or the library's default can stand."""
    complete = one_of(choices) if choices else None
    return typer.Option(*names, help=f"{help} [{default}]", show_default=False, autocompletion=complete)


TokenizerName = Annotated[
    str | None,
    defaulted(
        f"What a symbol is: {', '.join(names('tokenizers'))}.",
        ModelConfig.tokenizer,
        "--tokenizer",
        choices=names("tokenizers"),
    ),
]
VocabSize = Annotated[int | None, defaulted("Of words or subwords: how many symbols.", "chosen to fit the corpus")]
MinCount = Annotated[int | None, defaulted("What is rarer is no symbol.", "1 of characters, 2 of words")]
Closed = Annotated[bool | None, typer.Option("--closed", help="A word that is no symbol is <UNK>, not spelled.")]
ModelType = Annotated[
    str | None, defaulted("Of subwords: unigram or bpe.", ModelConfig.model_type, choices=("unigram", "bpe"))
]
