"""charlm export: a model as a file for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from charlm.checkpoints.model_paths import existing_folder
from charlm.cli.models import say_model
from charlm.cli.options import Json, Model, Overwrite, Quiet, one_of, optional, output_option
from charlm.cli.output import say, write, write_json
from charlm.cli.waiting import loading, waiting
from charlm.errors import ConfigError
from charlm.files.tensor_header import ROUNDINGS
from charlm.registry import check_name, names

_PACKAGE = "exports"


def export(
    format: Annotated[
        str,
        typer.Argument(
            metavar="FORMAT",
            help=f"What to write: {', '.join(names(_PACKAGE))}.",
            autocompletion=one_of(names(_PACKAGE)),
        ),
    ],
    model: Model = None,
    output: Annotated[
        Path | None, output_option("File to write; of the format model, the name of the new model.")
    ] = None,
    weights: Annotated[
        str | None,
        optional(
            "Precision of the stored weights, as far as the format has a choice: float32, bfloat16, or int8.",
            "float32; int8 for the format model",
            choices=ROUNDINGS,
        ),
    ] = None,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a model as a file for other programs.

    onnx: for onnxruntime, in many languages. html: a page that writes and scores text in a browser, offline. numpy: a
    program of one file in Python, next to its weights. model: a smaller model for charlm, with rounded weights.

    Example: charlm export html --model poems --output poems.html
    """
    check_name(_PACKAGE, "format", format)
    if output is None:
        raise ConfigError("no output file given; name one with --output")
    folder = existing_folder(model)
    with loading(quiet):
        from charlm.checkpoints.checkpoint import load
        from charlm.exports import export as export_model
    with waiting("writing and checking the file", quiet):
        result = export_model(load(folder), format, output, rounding=weights, overwrite=overwrite)
    say_model(folder, model, quiet)
    for note in result.notes:
        say(note, quiet)
    if json:
        sizes = {str(path): path.stat().st_size for path in result.paths if path.is_file()}
        write_json({"path": str(result.paths[0]), "bytes": sizes, **result.values})
    else:
        write("".join(f"{path}\n" for path in result.paths))
