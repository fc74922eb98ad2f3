"""charlm train: one text in, a model out."""

import shlex
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charlm.checkpoints import model_paths
from charlm.cli.inputs import files_or_stdin, read_vocabulary
from charlm.cli.options import (
    Closed,
    Json,
    MinCount,
    ModelType,
    Quiet,
    TokenizerName,
    VocabSize,
    model_names,
    optional,
    with_options,
)
from charlm.cli.output import say, write, write_json
from charlm.config import VOCABULARY, ModelConfig, TrainConfig
from charlm.data import corpus
from charlm.errors import ConfigError
from charlm.interrupts import importing
from charlm.plan import read_plan
from charlm.registry import names
from charlm.training.torchrun import launched

if TYPE_CHECKING:
    from charlm.training.events import Event, Report
    from charlm.training.tensorboard import Events

RUNS = Path("runs")  # where TensorBoard looks, by its own custom
_CHOSEN = "chosen to fit the corpus and the time"
_NAMES = {kind: ", ".join(names(kind)) for kind in ("nn.embeddings", "nn.cells", "nn.readouts")}
_BUDGETS = ("minutes", "epochs", "steps")


def train(
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="CORPUS", help="Text files, folders of them, .gz, or - (stdin).")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            *("--model", "-m"),
            help="Name in checkpoints/, or a path. Default: the file's name.",
            autocompletion=model_names,
        ),
    ] = None,
    tokenizer: TokenizerName = None,
    vocab_size: VocabSize = None,
    min_count: MinCount = None,
    closed: Closed = None,
    model_type: ModelType = None,
    symbols: Annotated[
        Path | None,
        typer.Option("--tokenizer-file", metavar="FILE", help="A vocabulary as it is, in place of one of the corpus."),
    ] = None,
    sequence: Annotated[
        str | None,
        optional(
            "line: each line is a sequence; stream: one running text.",
            ModelConfig.sequence,
            choices=("line", "stream", "auto"),
        ),
    ] = None,
    embedding: Annotated[
        str | None,
        optional(f"Input: {_NAMES['nn.embeddings']}.", ModelConfig.embedding, choices=names("nn.embeddings")),
    ] = None,
    embedding_size: Annotated[int | None, optional("Of a learned embedding.", _CHOSEN)] = None,
    embedding_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="Vectors it begins with, in the text format of word2vec.")
    ] = None,
    freeze_embedding: Annotated[bool | None, typer.Option("--freeze-embedding", help="Keep them as they are.")] = None,
    cell: Annotated[
        str | None, optional(f"Recurrent cell: {_NAMES['nn.cells']}.", ModelConfig.cell, choices=names("nn.cells"))
    ] = None,
    activation: Annotated[str | None, optional("Of rnn and jordan: tanh, relu, sigmoid, identity.", "tanh")] = None,
    hidden_size: Annotated[int | None, optional("Width of a layer.", _CHOSEN)] = None,
    layers: Annotated[int | None, optional("Cells on top of each other.", _CHOSEN)] = None,
    dropout: Annotated[float | None, optional("Share of outputs dropped.", _CHOSEN)] = None,
    residual: Annotated[bool | None, typer.Option("--residual", help="Add what a layer reads to its output.")] = None,
    readout_layers: Annotated[
        int | None, optional("Dense ones on top of the cells.", ModelConfig.readout_layers)
    ] = None,
    readout: Annotated[
        str | None,
        optional(
            f"What makes the probabilities: {_NAMES['nn.readouts']}.",
            "auto: by the vocabulary",
            choices=("auto", *names("nn.readouts")),
        ),
    ] = None,
    tie_weights: Annotated[
        bool | None, typer.Option("--tie-weights", help="One table for the embedding and the readout.")
    ] = None,
    batch_size: Annotated[int | None, optional("Sequences side by side.", TrainConfig.batch_size)] = None,
    seq_len: Annotated[int | None, optional("Steps of backpropagation through time.", TrainConfig.seq_len)] = None,
    learning_rate: Annotated[float | None, optional("At its peak.", "chosen to fit the network")] = None,
    clip: Annotated[float | None, optional("Largest norm of the gradient.", TrainConfig.clip)] = None,
    minutes: Annotated[
        float | None,
        optional("Time for the whole command.", TrainConfig.DEFAULT_MINUTES),
    ] = None,
    epochs: Annotated[float | None, typer.Option(help="Passes over the corpus, in place of minutes.")] = None,
    steps: Annotated[int | None, typer.Option(help="Training steps, in place of minutes.")] = None,
    valid: Annotated[str | None, typer.Option(help="Held-out text of its own.")] = None,
    valid_fraction: Annotated[float | None, optional("Share held out.", TrainConfig.valid_fraction)] = None,
    seed: Annotated[int | None, optional("Of all that is random.", TrainConfig.seed)] = None,
    device: Annotated[
        str | None, optional("auto, cpu, cuda or mps.", TrainConfig.device, choices=("auto", "cpu", "cuda", "mps"))
    ] = None,
    threads: Annotated[int | None, optional("CPU threads.", "torch's choice")] = None,
    plan: Annotated[Path | None, typer.Option(help="Follow a stored plan.json; options given as well win.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model that is there.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was cut short.")] = False,
    save_every: Annotated[
        float | None, optional("Seconds between two saves of the whole state.", TrainConfig.save_every)
    ] = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write events for TensorBoard to runs/.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a model on a text.

    Without options: a good one in three minutes, of a size that fits the text and the time.

    Example: charlm train poems.txt --minutes 10 --model poems
    """
    started = time.monotonic()
    options = locals()
    sources, launch = files_or_stdin(texts), launched()
    if launch.world_size > 1 and corpus.STDIN in (*sources, valid):
        raise ConfigError("several processes cannot read one stdin; put the text into a file")
    name = corpus.stem(sources[0]) if model is None else model
    folder = model_paths.model_path(name)
    stored = read_plan(plan) if plan else None
    if stored and (budgets := [each for each in _BUDGETS if options[each] is not None]):
        raise ConfigError(f"a plan has its own number of steps; leave out --{budgets[0]}, or the --plan")
    if symbols and (own := [each for each in ("tokenizer", *VOCABULARY) if options[each] is not None]):
        raise ConfigError(f"--tokenizer-file has a vocabulary that is there; leave --{own[0].replace('_', '-')} out")
    if valid and valid_fraction is not None:
        raise ConfigError("give --valid or --valid-fraction, not both: a file of its own is held out whole")
    shape = with_options(stored.model if stored else ModelConfig(), options)
    config = with_options(stored.train if stored else TrainConfig(), options)
    stored = replace(stored, model=shape, train=config) if stored else None

    with importing():
        from charlm.checkpoints.training_state import any_saved
        from charlm.cli.view.display import Display
        from charlm.training.run_folder import unfinished
        from charlm.training.train import train as train_model

    quiet = quiet or not launch.first
    given = read_vocabulary(symbols, quiet) if symbols else None
    display = Display(quiet)
    events = _events(RUNS / folder.name, resume, quiet) if tensorboard and launch.first else None
    try:
        with display, events or nullcontext():
            train_model(
                sources,
                shape,
                config,
                valid=valid,
                plan=stored,
                tokenizer=given,
                folder=folder,
                overwrite=overwrite,
                resume=resume,
                report=_both(display, events) if events else display,
                started=started,
            )
    except KeyboardInterrupt:
        kept = display.finished
        if kept is None:
            place = unfinished(folder)
            go_on = place is not None and any_saved(place)
            way_on = "go on by the same command with --resume" if go_on else "there is nothing to keep yet"
            say(f"stopped; {way_on}", not launch.first)
        else:
            model_paths.set_latest(name)
            say(f"stopped; the best model so far, of step {kept.best_step:,}, is in {folder}")
        raise
    if not launch.first:
        return
    model_paths.set_latest(name)
    if not json:
        write(f"{folder}\n")
        say(f"next       charlm sample -m {shlex.quote(name)}", quiet)
    elif done := display.finished:
        result = {
            "model": str(folder),
            "parameters": done.parameters,
            "steps": done.steps,
            "seconds": time.monotonic() - started,
            "characters_per_second": done.characters_per_second,
            "validation": done.evaluation.summary(),
        }
        write_json(result)
    else:
        write_json(_ended_before(folder))


def _events(folder: Path, resume: bool, quiet: bool) -> "Events":
    from charlm.training.tensorboard import Events, writer

    found = Events(writer(folder, fresh=not resume))
    say(f"events     {folder}; tensorboard --logdir {RUNS} shows them", quiet)
    return found


def _both(first: "Report", second: "Report") -> "Report":
    def tell(event: "Event") -> None:
        first(event)
        second(event)

    return tell


def _ended_before(folder: Path) -> dict[str, Any]:
    """The result of a run that had nothing left to do."""
    from charlm.checkpoints.checkpoint import describe

    found = describe(folder)
    kept = {name: found[name] for name in ("model", "parameters", "steps", "validation")}
    return kept | {"seconds": 0.0, "characters_per_second": 0.0}
