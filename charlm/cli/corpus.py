"""charlm corpus: texts to try a model on."""

from pathlib import Path
from typing import Annotated

import typer

from charlm.cli.options import Json, Quiet
from charlm.cli.output import say, write, write_json
from charlm.data import catalogue
from charlm.data import stdlib_corpus as harvest

app = typer.Typer(help="Texts to try a model on.", no_args_is_help=True)


@app.command()
def stdlib(
    docs: Annotated[bool, typer.Option("--docs", help="The English documentation strings alone.")] = False,
    quiet: Quiet = False,
) -> None:
    """Write Python's own library to stdout.

    Example: charlm corpus stdlib > stdlib.txt
    """
    characters = 0
    for piece in harvest.docs() if docs else harvest.source():
        characters += len(piece)
        write(piece)
    say(f"{characters:,} characters", quiet)


@app.command()
def get(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"Which text: {', '.join(catalogue.TEXTS)}.")],
    output: Annotated[Path | None, typer.Option(help="The file to write. Default: NAME.txt in this folder.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is another text.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fetch a well-known text by https.

    It is checked by its SHA-256, and its path is printed. No other command opens a connection.

    Example: charlm corpus get names
    """
    text = catalogue.find(name)
    path = output or Path(f"{name}.txt")

    from charlm.data import download

    needed = download.is_needed(text, path, overwrite)
    if needed:
        say(f"fetching {text.size:,} bytes from {text.url}", quiet)
        download.fetch(text, path)
        say(f"{path} is whole: its SHA-256 is the expected one; next: charlm train {path}", quiet)
    else:
        say(f"{path} is there already, and whole; nothing was fetched", quiet)
    if json:
        values = {"name": name, "path": str(path), "bytes": text.size, "sha256": text.sha256, "url": text.url}
        write_json(values | {"fetched": needed})
    else:
        write(f"{path}\n")
