"""charlm corpus: get a text to try charlm on."""

from pathlib import Path
from typing import Annotated

import typer

from charlm.cli.help_page import HelpPage, command_group
from charlm.cli.options import Json, Overwrite, Quiet, output_option
from charlm.cli.output import say, write, write_json
from charlm.data import catalogue, stdlib_corpus
from charlm.wording import file_argument, plural, shell_word

app = command_group("Get a text to try charlm on.")


@app.command(cls=HelpPage)
def stdlib(
    docs: Annotated[bool, typer.Option("--docs", help="Only the English documentation.")] = False,
    quiet: Quiet = False,
) -> None:
    """Write the source code of Python's standard library to stdout.

    Example: charlm corpus stdlib > stdlib.txt
    """
    characters = 0
    for piece in stdlib_corpus.docs() if docs else stdlib_corpus.source():
        characters += len(piece)
        write(piece)
    say(plural(characters, "character"), quiet)


@app.command(cls=HelpPage)
def get(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"Text to download: {' or '.join(catalogue.TEXTS)}.")],
    output: Annotated[Path | None, output_option("File to write. [NAME.txt]")] = None,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Download a well-known text by https.

    charlm verifies the SHA-256 of the text and prints the path of the file. No other command opens a connection.

    Example: charlm corpus get names
    """
    text = catalogue.find(name)
    path = output or Path(f"{name}.txt")

    from charlm.data import download

    needed = download.is_needed(text, path, overwrite)
    if needed:
        say(f"downloading {text.size:,} bytes from {text.url}", quiet)
        download.fetch(text, path)
        train = f"charlm train {shell_word(file_argument(str(path)))}"
        say(f"{path} is complete, with the expected SHA-256; next: {train}", quiet)
    else:
        say(f"{path} already exists and is complete; nothing was downloaded", quiet)
    if json:
        values = {"name": name, "path": str(path), "bytes": text.size, "sha256": text.sha256, "url": text.url}
        write_json(values | {"fetched": needed})
    else:
        write(f"{path}\n")
