"""charlm rename: give a model another name."""

from typing import Annotated

import typer

from charlm.checkpoints.model_folder import REPORT
from charlm.checkpoints.model_paths import existing_folder
from charlm.cli.options import Json, Quiet, run_names
from charlm.cli.output import write, write_json


def rename(
    old: Annotated[
        str, typer.Argument(metavar="OLD", help="A model in checkpoints/, or a path.", autocompletion=run_names)
    ],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The new name, or a path. It must not exist.")],
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Give a model another name, with the run that would continue it.

    charlm refuses a name that is taken, a folder that is not a model, and a model that is being trained.

    Example: charlm rename poems sonnets
    """
    from charlm.checkpoints import upkeep
    from charlm.pages import report_name

    folder = existing_folder(old, run=True)
    former = folder.resolve().name
    renamed = upkeep.rename(folder, new)
    report_name.rename(renamed / REPORT, former, renamed.resolve().name)
    if json:
        write_json({"former": str(folder), "model": str(renamed)})
    else:
        write(f"{renamed}\n")
