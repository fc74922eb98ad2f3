"""charlm remove: delete models."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from charlm.checkpoints.model_paths import existing_folder
from charlm.cli.options import Json, Quiet, run_names
from charlm.cli.output import say, write, write_json
from charlm.errors import CharlmError, ConfigError
from charlm.wording import listed, plural


def remove(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME", help="Models in checkpoints/, or paths of folders.", autocompletion=run_names),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Delete models, with the runs that would continue them.

    charlm asks before it deletes anything. It deletes only files that it wrote: if you have put other files into the
    folder of a model, they stay there. It refuses a folder that is not a model, and a model that is being trained.

    Example: charlm remove poems
    """
    from charlm.checkpoints import upkeep

    folders = list(dict.fromkeys(existing_folder(name, run=True) for name in names))
    for folder in folders:
        upkeep.check_own(folder)  # all of them, before anything is deleted
    if not yes and not _agreed(folders, sum(map(upkeep.size, folders))):
        raise CharlmError("nothing was removed")
    for folder in folders:
        removed = upkeep.remove(folder)
        if removed.kept:
            say(f"kept {listed([str(path) for path in removed.kept])}, which charlm did not write", quiet)
        if json:
            write_json({"model": str(folder), "bytes": removed.bytes, "kept": [str(path) for path in removed.kept]})
        else:
            write(f"{folder}\n")


def _agreed(folders: list[Path], size: int) -> bool:
    """Ask whether to delete the folders, of `size` bytes. Raises ConfigError if there is no terminal to ask on."""
    if not (sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError("there is no terminal to ask on; to remove without a question, add --yes")
    which = f"{plural(len(folders), 'model')}, {listed([str(folder) for folder in folders])}"
    print(f"remove {which} ({size / 1e6:,.1f} MB)? [y/N] ", end="", file=sys.stderr, flush=True)
    answer = ""
    try:
        answer = sys.stdin.readline()
    finally:
        if not answer:  # Ctrl-C or Ctrl-D, which end no line
            say("")
    return answer.strip().lower() in ("y", "yes")
