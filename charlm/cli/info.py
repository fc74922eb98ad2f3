"""charlm info: what a model is, and what charlm runs on."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from charlm.checkpoints.model_paths import existing_folder
from charlm.checkpoints.origin import in_words
from charlm.cli.dates import minute, timestamp
from charlm.cli.list_models import run_in_words
from charlm.cli.models import say_model
from charlm.cli.options import Json, Model, Quiet, run_names
from charlm.cli.output import fitted, write, write_json
from charlm.cli.waiting import loading
from charlm.config import ModelConfig
from charlm.errors import ConfigError, ModelError
from charlm.files.tensor_header import ROUNDINGS
from charlm.wording import clock, each_alone, figure, plural, vocabulary_size

_LABELS = 12  # columns of the labels, if all are short
_WHOLE = ("SHA-256", "continue", "repeat")  # labels of what is copied in one piece


def info(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="The model; the same as --model.", autocompletion=run_names),
    ] = None,
    model: Model = None,
    system: Annotated[
        bool, typer.Option("--system", help="Show versions, device, threads and paths instead of a model.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show what a model is, and how to repeat its training.

    For a run that was stopped, it shows how far the run is, and the command that continues it.

    Example: charlm info poems
    """
    if name is not None and (model is not None or system):
        raise ConfigError(f"give the model once; leave {name} or the option out")
    if system:
        with loading(quiet):
            from charlm.system import describe_system

        values = describe_system()
        rows: Iterable[tuple[str, str]] = values.items()
    else:
        name = model if name is None else name
        folder = existing_folder(name, run=True)
        values = _values(folder, quiet)
        say_model(folder, name, quiet)
        rows = _rows(values).items()
    if json:
        write_json(values | {"trained": timestamp(values["trained"])} if "trained" in values else values)
    else:
        rows = list(rows)
        width = max(_LABELS, *(len(label) for label, _ in rows))
        write("".join(_row(*each, width) for each in rows))


def _values(folder: Path, quiet: bool) -> dict[str, Any]:
    """Return the values for JSON. Those of a run that has no model yet have neither weights nor figures."""
    from charlm.checkpoints import listing

    run = listing.find_run(folder)
    if run and not folder.exists():
        config, corpus = listing.configuration(run.path)
        return {"model": str(folder), "config": asdict(config), "corpus": corpus, "run": run.to_json()}
    with loading(quiet):
        from charlm.analysis.run_log import read_log
        from charlm.checkpoints.checkpoint import describe

    values = describe(folder)
    try:
        seconds = [point.seconds for point in read_log(folder).points if point.seconds is not None]
    except ModelError:  # the metrics are not needed otherwise
        seconds = []
    when = {"trained": listing.written_at(folder), "seconds": max(seconds, default=None)}
    return values | when | {"run": run and run.to_json()}


def _rows(values: dict[str, Any]) -> dict[str, str]:
    """Return the lines for people: label → value."""
    shape, corpus, run = values["config"], values["corpus"], values["run"]
    reads_text = ModelConfig(**shape).reads_text
    unit = "character" if reads_text else "value"
    rows = {
        "model": values["model"],
        "cell": ModelConfig(**shape).shape,
        "task": shape["task"],
        **({"embedding": shape["embedding"]} if reads_text else {}),
        "dropout": f"{shape['dropout']:g}",
        **({"counts": f"n-grams of up to {order} tokens"} if (order := ModelConfig(**shape).ngram_order) else {}),
        **({"tokenizer": shape["tokenizer"], "sequence": shape["sequence"]} if reads_text else {}),
        "corpus": f"{', '.join(corpus['files'])}: {plural(corpus['characters'], unit)}",
        "SHA-256": corpus["sha256"],
        **({"started from": origin} if (origin := in_words(corpus.get("start"))) else {}),
    }
    if "step" in values:
        rows |= _figures(values)
    if run:
        spent = "" if run["seconds"] is None else f", after {clock(run['seconds'])}"
        rows["run"] = f"{run_in_words(run['active'], run['step'], run['steps'])}{spent}"
        if not run["active"]:
            rows["continue"] = run["command"]
    if values.get("validation"):
        rows["repeat"] = values["repeat"]
    return rows


def _figures(values: dict[str, Any]) -> dict[str, str]:
    """Return the lines of a model that has been trained."""
    valid, plan = values["validation"], values["plan"]
    step = f"{'best' if valid else 'stopped'} at {values['step']:,} of {values['steps']:,}"
    train, reads_text = plan["train"], "vocabulary_size" in values
    batch = f"{train['batch_size']} × {train['seq_len']} {'tokens' if reads_text else 'values'}"
    if reads_text and plan["model"].get("task", ModelConfig.task) != ModelConfig.task:
        batch = plural(train["batch_size"], "example")
    spent = "" if values["seconds"] is None else f", in {clock(values['seconds'])}"
    vocabulary = vocabulary_size(values["vocabulary_size"]) if reads_text else ""
    return {
        **({"tokenizer": f"{values['config']['tokenizer']}, {vocabulary}"} if reads_text else {}),
        "parameters": f"{values['parameters']:,}{_rounding(values['weights'])}",
        "steps": f"{step}, {batch} each",
        **({"runs": values["runs"]} if "runs" in values else {}),
        **_validation(valid, counts_alone=values.get("counts_alone", False)),
        "trained": f"{minute(values['trained'])}{spent}",
        "made by": f"charlm {values['charlm_version']}",
    }


def _rounding(weights: str) -> str:
    """Return how the weights are stored, unless nothing was lost."""
    return "" if weights == ROUNDINGS[0] else f", rounded to {weights}; the figures are those before that"


def _validation(values: dict[str, Any] | None, *, counts_alone: bool) -> dict[str, str]:
    """Return the figures of the held-out part, over the known tokens."""
    if values is None:
        return {"held out": "not validated, because the run was stopped before that"}
    if "bits_per_char" not in values:  # of another task than a language model
        from charlm.measures.reports import FIGURE_NAMES

        named = {_figure_name(name, FIGURE_NAMES): value for name, value in values.items()}
        return {label: f"{value:,}" if isinstance(value, int) else figure(value) for label, value in named.items()}
    nats, bits = (values.get(f"{name}_known", values[name]) for name in ("nats_per_token", "bits_per_char"))
    alone = {name.partition("_")[0]: value for name, value in values.items() if name.endswith("_bits_per_char")}
    kept = "the counts alone were kept" if counts_alone else each_alone(alone)
    parts = f" ({kept})" if kept else ""
    figures = {"nats/token": figure(nats), "bits/char": f"{figure(bits)}{parts}"}
    return {"held out": plural(values["tokens"], "token"), **figures}


def _figure_name(key: str, names: Mapping[str, str]) -> str:
    """Return the name of a figure for a person, also of that of a naive answer: seasonal_naive_mase."""
    before, naive, figure = key.rpartition("naive_")
    return f"{before}{naive}{names.get(figure, figure)}".replace("_", " ")


def _row(label: str, value: object, width: int) -> str:
    """Return a line, wrapped on a terminal below the value, unless it is to be copied."""
    if label in _WHOLE:
        return f"{label:<{width}} {value}\n"
    return fitted(f"{label:<{width}} {value}\n", sys.stdout, width + 1)
