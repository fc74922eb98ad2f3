"""charlm train: train a model on a text."""

import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charlm.checkpoints import model_paths
from charlm.checkpoints.model_folder import WEIGHTS, has_state, unfinished
from charlm.cli.config_options import (
    TRAIN_OPTIONS,
    TRAINING,
    TokenizerFile,
    ValidFiles,
    check_texts,
    configured,
    with_options,
)
from charlm.cli.inputs import as_paths, files_or_stdin, read_vocabulary
from charlm.cli.models import verb_of
from charlm.cli.options import OUTPUT, Json, Quiet, option_name, run_names
from charlm.cli.output import say, write, write_json
from charlm.cli.started import began
from charlm.cli.variant_options import NONE, Given
from charlm.cli.view.messages import LABEL_WIDTH
from charlm.cli.waiting import loading
from charlm.config import BUDGETS, ModelConfig, TrainConfig
from charlm.data import corpus
from charlm.errors import ConfigError
from charlm.files.reading import reason
from charlm.interrupts import Terminated
from charlm.plan import read_plan
from charlm.training.torchrun import launched
from charlm.wording import listed, shell_word

if TYPE_CHECKING:
    from charlm.training.tensorboard import Events

RUNS = Path("runs")  # where TensorBoard looks by convention


@configured(TRAIN_OPTIONS)
def train(
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="CORPUS", help="Text files, folders of text files, .gz files, or - for stdin."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            *("--model", "-m"),
            metavar="NAME",
            help="Name of the model in checkpoints/, or a path. Default: the name of the corpus file.",
            autocompletion=run_names,
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing model.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted run, or a finished one up to a larger budget.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Train even if the time is too short for one step.")] = False,
    options: Given = NONE,
    valid: ValidFiles = None,
    tokenizer_file: TokenizerFile = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Repeat the run in this plan.json; other options override it.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    tensorboard: Annotated[
        bool,
        typer.Option("--tensorboard", help="Write events for TensorBoard to runs/.", rich_help_panel=OUTPUT),
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a model on a text.

    Without options, charlm trains a good model in three minutes; its size fits the text and the time.

    Example: charlm train poems.txt --minutes 10 --model poems
    """
    started = began()
    sources, launch = files_or_stdin(texts), launched()
    if launch.world_size > 1 and corpus.STDIN in (*sources, *(valid or ())):
        raise ConfigError("several processes cannot share stdin; give the corpus as a file")
    name = corpus.stem(sources[0]) if model is None else model
    folder = model_paths.model_path(name)
    stored = read_plan(plan) if plan else None
    if stored and (budgets := [each for each in BUDGETS if each in options]):
        raise ConfigError(f"--plan sets the number of steps; leave out {option_name(budgets[0])}")
    check_texts(options, valid, tokenizer_file)
    shape = with_options(stored.model if stored else ModelConfig(), options)
    config = with_options(stored.train if stored else TrainConfig(), options)
    stored = replace(stored, model=shape, train=config) if stored else None

    quiet = quiet or not launch.first
    with loading(quiet):
        from charlm.cli.view.display import Display
        from charlm.training.events import both
        from charlm.training.train import train as train_model

    vocabulary = read_vocabulary(tokenizer_file, quiet) if tokenizer_file else None
    display = Display(quiet, activity=f"{'reading':<{LABEL_WIDTH}}{listed(sources)}")
    events = _events(RUNS / folder.name, resume, quiet) if tensorboard and launch.first else None
    try:
        with display, events or nullcontext():
            train_model(
                as_paths(sources),
                shape,
                config,
                valid=as_paths(valid) if valid else None,
                plan=stored,
                tokenizer=vocabulary or options.get("tokenizer"),
                folder=folder,
                overwrite=overwrite,
                resume=resume,
                force=force,
                report=both(display, events) if events else display,
                started=started,
                **{name: value for name, value in options.items() if name != "tokenizer"},
            )
    except KeyboardInterrupt as stop:
        if display.finished:
            _mark_latest(name, folder)
            say(f"the best model so far (step {display.finished.best_step:,}) is in {folder}")
        elif launch.first:
            if not (display.stopped and isinstance(stop, Terminated)):  # a second Ctrl-C ends the work of the first
                resumable = "to continue, run the same command with --resume"
                say(f"stopped; {resumable if has_state(folder) else 'nothing was saved yet'}")
            if (folder / WEIGHTS).exists() and unfinished(folder) == folder:
                _mark_latest(name, folder)
                say(f"the model so far is in {folder}; it was not validated")
            elif (folder / WEIGHTS).exists() and unfinished(folder):
                say(f"{folder} has the earlier model until the first validation")
        raise
    if not launch.first:
        return
    _mark_latest(name, folder)
    if not json:
        write(f"{folder}\n")
        say(f"next       charlm {verb_of(folder)} -m {shell_word(name)}", quiet)
    elif done := display.finished:
        result = {
            "model": str(folder),
            "parameters": done.parameters,
            "steps": done.steps,
            "seconds": time.monotonic() - started,
            f"{done.unit.read}_per_second": done.speed,
            "validation": done.evaluation.summary(),
        }
        write_json(result)
    else:
        write_json(_finished_earlier(folder))


def _mark_latest(name: str, folder: Path) -> None:
    try:
        model_paths.set_latest(name)
    except OSError as error:  # of the current folder; the model may be elsewhere
        refused = f"{error.filename or model_paths.CHECKPOINTS}: {reason(error)}"
        say(f"{folder} is not marked as the model that was trained last: {refused}; name it with --model")


def _events(folder: Path, resume: bool, quiet: bool) -> "Events":
    from charlm.training.tensorboard import Events, writer

    events = Events(writer(folder, fresh=not resume))
    say(f"events     {folder}; to show them: tensorboard --logdir {RUNS}", quiet)
    return events


def _finished_earlier(folder: Path) -> dict[str, Any]:
    """The result of a command that resumed a finished run."""
    from charlm.checkpoints.checkpoint import describe

    described = describe(folder)
    kept = {name: described[name] for name in ("model", "parameters", "steps", "validation")}
    return kept | {"seconds": 0.0, "characters_per_second": 0.0}
