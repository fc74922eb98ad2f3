"""charlm list: the models and the runs in checkpoints/."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from charlm.checkpoints import model_paths
from charlm.cli.dates import day, timestamp
from charlm.cli.options import Json, Quiet
from charlm.cli.output import columns, say, write_json, write_lines
from charlm.wording import figure

if TYPE_CHECKING:
    from charlm.checkpoints.listing import Summary

_HEADS = ("name", "cell", "parameters", "figure", "trained", "corpus", "")
_FIGURE = 3
_NUMBERS = (2, _FIGURE)  # columns that are aligned to the right
_GAP = "  "


def list_models(json: Json = False, quiet: Quiet = False) -> None:
    """List all models, and runs that were stopped.

    A row has the cell, the number of weights, the figure of the held-out part (such as bits per character), the day of
    training, and the corpus. The star marks the model that commands use without --model. A folder that cannot
    be read has the reason.

    Example: charlm list
    """
    from charlm.checkpoints.listing import summaries

    listed = summaries()
    latest = next((each.name for each in listed if model_paths.is_latest(each.folder)), "")
    if json:
        for each in listed:
            write_json(_values(each, each.name == latest))
        return
    if not listed:
        say(f"no models in {model_paths.CHECKPOINTS}; train one: charlm train corpus.txt", quiet)
        return
    figures = sorted({each.figure_name for each in listed if each.figure_name})
    shared = figures[0] if len(figures) == 1 else ""
    heads = [shared if shared and head == _HEADS[_FIGURE] else head for head in _HEADS]
    write_lines(_table(heads, [_row(each, each.name == latest, shared) for each in listed]))
    stopped = any(each.run and not each.run.active and each.run.step for each in listed)
    say("to continue a run that was stopped: charlm info NAME has the command", quiet or not stopped)


def run_in_words(active: bool, step: int | None, steps: int | None) -> str:
    """Say how far a run is: `step` of the last saved state, `steps` of the plan."""
    total = "" if steps is None else f" of {steps:,}"
    if active:
        return "training now" + ("; nothing saved yet" if step is None else f"; saved at step {step:,}{total}")
    return "stopped before its first save" if step is None else f"stopped at step {step:,}{total}"


def _row(model: "Summary", latest: bool, shared: str) -> list[str]:
    """Return the cells of a row; the last one is a note. shared: the name of the figure if it is in the heading."""
    name = f"{model.name} *" if latest else model.name
    if model.problem:
        return [name, "", "", "", "", "", model.problem]
    return [
        name,
        model.config.brief_shape if model.config else "",
        "" if model.parameters is None else f"{model.parameters:,}",
        _figure(model, shared),
        "" if model.trained is None else day(model.trained),
        ", ".join(model.corpus),
        run_in_words(model.run.active, model.run.step, model.run.steps) if model.run else "",
    ]


def _figure(model: "Summary", shared: str) -> str:
    """Return the figure of a model, with its name unless all models share it."""
    if model.parameters is None:
        return ""
    return figure(model.figure) if shared else f"{figure(model.figure)} {model.figure_name}"


def _table(heads: list[str], rows: Sequence[list[str]]) -> str:
    """Return a table that fits the terminal: the last columns move to a line of their own below each row."""
    kept = len(heads)
    widths = [max(map(len, cells)) for cells in zip(heads, *rows, strict=True)]
    if sys.stdout.isatty():
        while kept > 1 and sum(widths[:kept]) + len(_GAP) * (kept - 1) > columns(sys.stdout):
            kept -= 1
    lines = []
    for row in (heads, *rows):
        cells = (
            cell.rjust(width) if index in _NUMBERS else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row[:kept], widths, strict=False))
        )
        lines.append(_GAP.join(cells).rstrip())
        if row is not heads and (details := ", ".join(filter(None, row[kept:]))):
            lines.append(f"{_GAP}{details}")
    return "\n".join(lines) + "\n"


def _values(model: "Summary", latest: bool) -> dict[str, Any]:
    """Return the values of the JSON object; what is not known is null."""
    run, config = model.run, model.config
    return {
        "model": str(model.folder),
        "name": model.name,
        "latest": latest,
        "cell": config and config.cell,
        "layers": config and config.layers,
        "hidden_size": config and config.hidden_size,
        "parameters": model.parameters,
        "corpus": list(model.corpus),
        "step": model.step,
        "task": config and config.task,
        "bits_per_char": None,
        **({model.figure_key: model.figure} if model.figure_key else {}),
        "trained": timestamp(model.trained),
        "run": run and {"active": run.active, "step": run.step, "steps": run.steps},
        "problem": model.problem or None,
    }
