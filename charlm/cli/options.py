"""Options that several commands share."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer


def model_names(incomplete: str) -> list[str]:
    """Return the models in checkpoints/ whose names begin with `incomplete`, for the shell's completion."""
    from charlm.checkpoints import model_paths  # the help needs none of what it imports

    return [name for name in model_paths.trained() if name.startswith(incomplete)]


def run_names(incomplete: str) -> list[str]:
    """Return the same with the runs that have no model yet, for commands that take these too."""
    from charlm.checkpoints import model_paths

    names = sorted([*model_paths.trained(), *model_paths.stopped()])
    return [name for name in names if name.startswith(incomplete)]


def one_of(choices: Sequence[str]) -> Any:
    """Return the completion function of an option that takes one of the choices."""
    return lambda incomplete: [each for each in choices if each.startswith(incomplete)]


Model = Annotated[
    str | None,
    typer.Option(
        *("--model", "-m"),
        metavar="NAME",
        help="Name of a model in checkpoints/, or path of its folder. [the last one trained]",
        autocompletion=model_names,
    ),
]
OUTPUT = "Output"  # heading of the help
Json = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON object per line on stdout, and nothing else.", rich_help_panel=OUTPUT),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print nothing but errors on stderr.", rich_help_panel=OUTPUT)
]


_OPTIONS = {"start_from": "--from"}  # of settings with another name, since `from` is a keyword of Python


def option_name(name: str) -> str:
    """Return the option of a parameter or a setting: --hidden-size for hidden_size."""
    return _OPTIONS.get(name) or f"--{name.replace('_', '-')}"


def optional(
    help: str,
    default: object,
    *names: str,
    choices: Sequence[str] = (),
    metavar: str | None = None,
    panel: str | None = None,
) -> Any:
    """Return an option that is None if not given, so that a stored plan or the library's default applies.

    The help ends with the default in brackets. panel: the heading above the option on the help page.
    """
    complete = one_of(choices) if choices else None
    return typer.Option(
        *names,
        help=f"{help} [{default}]",
        show_default=False,
        autocompletion=complete,
        metavar=metavar,
        rich_help_panel=panel,
    )


def output_option(help: str) -> Any:
    """Return the option --output of a command that writes a file; pass its value to `files.atomic.check_output`."""
    return typer.Option("--output", "-o", metavar="FILE", help=help, rich_help_panel=OUTPUT)


Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.", rich_help_panel=OUTPUT)]

Unknown = Annotated[
    str,
    optional(
        "What to do with unknown characters: unk (read as <UNK>), skip (leave out) or error.",
        "unk",
        "--unknown",
        choices=("unk", "skip", "error"),
        metavar="ACTION",
    ),
]
