"""The run that nothing comes in between: what every run that was killed, refused by the disk or damaged must equal."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from conftest import STREAM

import charlm
from charlm.checkpoints import training_state
from charlm.checkpoints.config_file import is_model
from charlm.checkpoints.model_folder import METRICS, unfinished
from charlm.checkpoints.model_folder import PLAN as PLAN_FILE
from charlm.plan import read_plan
from charlm.tasks import language
from charlm.training.events import Event, Report

language._PREVIEW_LENGTH = 12  # also in the processes that are forked; previews take most of a short run
TEXT = STREAM[:900]
TIMED = ("seconds", "characters_per_second")  # the only fields of the metrics that depend on the clock
STEPS = 12
_SHAPE = charlm.ModelConfig(sequence="stream", hidden_size=4, layers=1, embedding_size=4, dropout=0.2, ngram="none")
_TRAINING = charlm.TrainConfig(learning_rate=4e-3, batch_size=4, seq_len=8, threads=1, save_every=0.0)
PLAN = charlm.Plan(_SHAPE, _TRAINING, steps=STEPS, validations=3)  # its state is saved after every step
COUNTED = replace(PLAN, model=replace(_SHAPE, ngram="3"))  # the same, with counts beside the network


def ending(call: Callable[..., Any], after: int, by: BaseException | None = None) -> Callable[..., Any]:
    """Return the function, which works for `after` calls; the next raises `by`, or KeyboardInterrupt as Ctrl-C does."""
    left = after

    def called(*arguments: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise by or KeyboardInterrupt
        return call(*arguments)

    return called


def begin_or_go_on(folder: Path, report: Report = lambda event: None, plan: charlm.Plan = PLAN) -> None:
    """As a script would that is started again after every crash: `--resume` where it can, `--overwrite` else."""
    resume = unfinished(folder) is not None
    charlm.train(TEXT, plan=plan, folder=folder, resume=resume, overwrite=not resume, report=report)


def events_of(folder: Path, plan: charlm.Plan = PLAN) -> list[Event]:
    """What is told while the run is begun, or goes on, and comes to its end."""
    told: list[Event] = []
    begin_or_go_on(folder, told.append, plan)
    return told


def metrics(folder: Path) -> list[dict[str, object]]:
    """The lines of the metrics of a model, without the fields that depend on the clock."""
    lines = (folder / METRICS).read_text().splitlines()
    return [{name: value for name, value in json.loads(line).items() if name not in TIMED} for line in lines]


def outcome(folder: Path) -> dict[str, object]:
    """Everything a run leaves, but for the clock; of a model that loads."""
    charlm.load(folder)
    files = [path for path in folder.iterdir() if path.is_file() and not path.name.endswith(".tmp")]
    found: dict[str, object] = {path.name: path.read_bytes() for path in files}
    return found | {METRICS: metrics(folder), "folders": [path.name for path in folder.iterdir() if path.is_dir()]}


@cache
def undisturbed(plan: charlm.Plan = PLAN) -> dict[str, object]:
    """The outcome of the run that was left alone, in a folder of the same name."""
    with TemporaryDirectory() as place:
        charlm.train(TEXT, plan=plan, folder=Path(place) / "m")
        return outcome(Path(place) / "m")


def ended(folder: Path) -> bool:
    """Whether the run for a model has come to its end; an older model may be there before."""
    return unfinished(folder) is None and is_model(folder) and read_plan(folder / PLAN_FILE).steps == STEPS


def reached(folder: Path) -> int:
    """The step of the newest whole state, from which on nothing would be lost; after the end, the last."""
    if ended(folder):
        return STEPS
    place = unfinished(folder)
    saved = training_state.newest(place)[0] if place else None
    return saved.step if saved else 0
