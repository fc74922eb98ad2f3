"""charlm corpus: texts to try a model on."""

from typing import Annotated

import typer

from charlm import harvest
from charlm.cli.options import Quiet
from charlm.cli.output import say, write

app = typer.Typer(help="Texts to try a model on.", no_args_is_help=True)


@app.callback()
def root() -> None:
    """Keeps `corpus` a group while it has one command."""


@app.command()
def stdlib(
    docs: Annotated[bool, typer.Option("--docs", help="The English documentation strings alone.")] = False,
    quiet: Quiet = False,
) -> None:
    """Write the source of this Python's standard library to stdout: charlm corpus stdlib > stdlib.txt."""
    characters = 0
    for piece in harvest.docs() if docs else harvest.source():
        characters += len(piece)
        write(piece)
    say(f"{characters:,} characters", quiet)
