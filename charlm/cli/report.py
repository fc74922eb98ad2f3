"""charlm report: what a model learned, on one page."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charlm.checkpoints.model_folder import REPORT
from charlm.checkpoints.model_paths import existing_folder
from charlm.cli.inputs import check_not_models, read_files
from charlm.cli.models import say_model, takes_any_bytes
from charlm.cli.options import Json, Model, Overwrite, Quiet, output_option
from charlm.cli.output import say, write, write_json
from charlm.cli.waiting import loading, waiting
from charlm.files.atomic import check_output, write_atomic

if TYPE_CHECKING:
    from charlm.analysis.surprisal import Line, Surprisal

_LINES = 10  # most surprising lines in JSON, and as many of the least surprising


def report(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE", help="Held-out text. Default: that of the run, if its corpus still exists."),
    ] = None,
    model: Model = None,
    output: Annotated[
        Path | None, output_option(f"Page to write. Default: {REPORT} in the model's folder, which is replaced.")
    ] = None,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show what a model learned on one page for a browser.

    The page has the curves of the run, samples during training, the most surprising lines of the held-out text, a map
    of the tokens, the plan and the machine. It is a single file, and it quotes lines of the held-out text.

    Example: charlm report --model poems
    """
    if output is not None:
        check_output(output, overwrite)  # before the work
    folder = existing_folder(model)
    check_not_models(files or ())
    corpus = read_files(files, quiet, any_bytes=takes_any_bytes(folder)) if files else None
    with loading(quiet):
        from charlm.analysis.report import gather
    from charlm.pages.report_page import page

    with waiting("reading the held-out text and the vectors", quiet):
        contents = gather(folder, corpus)
    say_model(folder, model, quiet)
    path = output or folder / REPORT
    write_atomic(path, page(contents).encode(errors="backslashreplace"))
    if contents.surprisal is None:
        say(f"no surprising lines: {contents.text}; name a held-out text: charlm report FILE", quiet)
    if json:
        values = {"path": str(path), "text": contents.text, "points": len(contents.log.points)}
        write_json(values | (_values(contents.surprisal) if contents.surprisal else {}))
    else:
        write(f"{path}\n")


def _values(surprisal: "Surprisal") -> dict[str, Any]:
    rows = zip(surprisal.classes, surprisal.confusion.tolist(), strict=True)
    return {
        "most_surprising": [_line(line) for line in surprisal.lines[:_LINES]],
        "least_surprising": [_line(line) for line in surprisal.lines[::-1][:_LINES]],
        "confusion": {name: dict(zip(surprisal.classes, row, strict=True)) for name, row in rows},
    }


def _line(line: "Line") -> dict[str, Any]:
    return {"text": line.text, "bits_per_char": line.bits_per_char}
