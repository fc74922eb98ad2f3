"""What a training run tells of itself: its plan, where it is, its end."""

import math
import time
from typing import Protocol

import torch

from charlm.data.windows import TrainingWindows
from charlm.nn.native.library import path_in_use, resolve_precision
from charlm.nn.network import Network
from charlm.plan import Plan
from charlm.scoring.evaluation import Evaluation
from charlm.tasks.language import Dataset
from charlm.training.advice import warnings
from charlm.training.distributed import Group
from charlm.training.events import Finished, Planned, Progress
from charlm.training.learner import Learner
from charlm.training.planner import Pace
from charlm.training.run_folder import RunFolder


class Told(Protocol):
    """What of a run is told; `training.run.Run` says what each is."""

    prepared: Dataset
    kept: RunFolder
    started: float
    device: torch.device
    plan: Plan
    pace: Pace | None
    why: str
    group: Group
    network: Network
    learner: Learner
    batches: TrainingWindows
    step: int
    smoothed: float
    gradient_norm: float
    learning_seconds: float


def planned(run: Told) -> Planned:
    """The plan, and what it was made for."""
    parts, train = run.prepared.parts, run.plan.train
    return Planned(
        plan=run.plan,
        corpus=run.prepared.corpus,
        why=run.prepared.why,
        why_size=run.why,
        warnings=tuple(warnings(run.prepared)),
        split=parts,
        own_valid=bool(run.prepared.held_out),
        vocabulary=run.prepared.tokenizer.size,
        tokens=len(run.prepared.ring.targets),
        parameters=run.network.parameter_count(),
        device=str(run.device),
        recurrence=path_in_use(),
        precision=resolve_precision(train.precision, run.device),
        batch_size=run.batches.batch_size,
        seq_len=run.batches.seq_len,
        parts=run.learner.micro_batches,
        shrunk=(run.batches.batch_size, run.batches.seq_len) < (train.batch_size, train.seq_len),
        epochs=run.plan.total / run.batches.steps_per_epoch,
        seconds=run.pace.left() if run.pace else None,
        folder=run.kept.folder,
        processes=run.group.size,
        given=int(run.prepared.vectors.known.sum()) if run.prepared.vectors else None,
    )


def progress(run: Told) -> Progress:
    """Where the run is now."""
    parts, targets = run.prepared.parts, len(run.prepared.ring.targets)
    characters_each = parts.characters(parts.train) / targets
    rate = run.step * run.batches.seq_len * run.batches.batch_size / max(run.learning_seconds, 1e-9)
    left = run.learning_seconds / max(1, run.step) * (run.plan.total - run.step)
    return Progress(
        step=run.step,
        steps=run.plan.total,
        nats_per_token=run.smoothed,
        bits_per_char=run.smoothed / math.log(2) / characters_each,
        gradient_norm=run.gradient_norm,
        learning_rate=run.plan.learning_rate(run.step),
        characters_per_second=rate * characters_each,
        seconds_left=run.pace.left() if run.pace else left,
    )


def finished(run: Told, best_step: int, best: Evaluation) -> Finished:
    """The end, however it came; `best` is of the model that is kept."""
    return Finished(
        folder=run.kept.folder,
        parameters=run.network.parameter_count(),
        steps=run.step,
        best_step=best_step,
        seconds=time.monotonic() - run.started,
        characters_per_second=progress(run).characters_per_second,
        evaluation=best,
    )
