"""Options that several commands share."""

from typing import Annotated, Any

import typer

Model = Annotated[
    str | None,
    typer.Option("--model", "-m", help="A name in checkpoints/, or a folder's path. Default: the last one trained."),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout, nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Nothing on stderr but errors.")]
Unknown = Annotated[
    str, typer.Option("--unknown", help="What an unknown character becomes: unk, error, or skip (left out).")
]


def defaulted(help: str, default: object, *names: str) -> Any:
    """An option that is None where it was not given, so that a stored plan or the library's default can stand."""
    return typer.Option(*names, help=f"{help} [{default}]", show_default=False)
