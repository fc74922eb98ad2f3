"""charlm report: what a model learned, on one page."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charlm.checkpoints import model_paths
from charlm.checkpoints.model_folder import REPORT
from charlm.cli.options import Json, Model, Quiet
from charlm.cli.output import say, write, write_json
from charlm.files.atomic import write_atomic
from charlm.interrupts import importing

if TYPE_CHECKING:
    from charlm.analysis.surprise import Line, Surprise

_LINES = 10  # told in JSON, of the most surprising and of the least


def report(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE", help="Held-out text. Default: that of the run, if it is there."),
    ] = None,
    model: Model = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help=f"The page to write. Default: {REPORT} in the model's folder.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """What a model learned, on one page for a browser.

    The curves of the run, what it wrote on the way, what surprises it, a map of its symbols, the plan and the machine.
    The page is whole in itself, and quotes lines of the held-out text.

    Example: charlm report --model poems
    """
    folder = model_paths.existing_folder(model)
    with importing():
        from charlm.analysis.report import gather
    from charlm.pages.report_page import page

    say(f"model {folder}", quiet or model is not None)
    found = gather(folder, files or ())
    path = output or folder / REPORT
    write_atomic(path, page(found).encode())
    if found.surprise is None:
        say(f"left out what surprises it: {found.text}", quiet)
    if json:
        values = {"path": str(path), "text": found.text, "points": len(found.log.points)}
        write_json(values | (_values(found.surprise) if found.surprise else {}))
    else:
        write(f"{path}\n")


def _values(found: "Surprise") -> dict[str, Any]:
    shares = zip(found.classes, found.confusion.tolist(), strict=True)
    return {
        "most_surprising": [_line(line) for line in found.lines[:_LINES]],
        "least_surprising": [_line(line) for line in found.lines[::-1][:_LINES]],
        "confusion": {name: dict(zip(found.classes, row, strict=True)) for name, row in shares},
    }


def _line(line: "Line") -> dict[str, Any]:
    return {"text": line.text, "bits_per_char": line.bits_per_char}
