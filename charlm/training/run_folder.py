"""Where a training run keeps its best model, and its own state: at every moment what was there last is whole."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from charlm.checkpoints import checkpoint, training_state
from charlm.checkpoints.model_folder import (
    CARD,
    CONFIG,
    FILES,
    METRICS,
    PLAN,
    TOKENIZER,
    finish_swap,
    remove_model,
    sibling_path,
    swap_in,
)
from charlm.checkpoints.training_state import TrainingState
from charlm.errors import ModelExistsError
from charlm.files.atomic import json_line, to_json, write_atomic
from charlm.plan import Plan
from charlm.scoring.evaluation import Evaluation
from charlm.system import machine
from charlm.tasks.language import Dataset
from charlm.training.best import Best
from charlm.training.events import Progress
from charlm.training.model_card import model_card


def check_free(folder: Path, overwrite: bool) -> None:
    """Raise ModelExistsError where a model, a run that can go on, or something else would be replaced."""
    if folder.exists() and not checkpoint.is_model(folder):
        raise ModelExistsError(f"{folder} is there and is not a charlm model, so it stays; choose another --model")
    if overwrite:
        return
    place = unfinished(folder)
    if place and training_state.newest(place)[0]:
        raise ModelExistsError(f"a run for {folder} was cut short; go on with --resume, or start anew with --overwrite")
    if folder.exists():
        raise ModelExistsError(f"{folder} is there already; replace it with --overwrite, or choose another --model")


def unfinished(folder: Path) -> Path | None:
    """Where the files of a run for `folder` are that has not come to its end."""
    return next((place for place in (sibling_path(folder, "new"), folder) if training_state.unfinished(place)), None)


class RunFolder:
    """Writes beside `folder` until the first model is kept, then in it; with None nothing is written.

    `place`: where the run that is resumed has its files, None for a new one. Writing raises OSError; what was there
    before is then untouched.
    """

    def __init__(self, folder: Path | None, overwrite: bool, place: Path | None = None) -> None:
        self.folder = folder
        self._place = place or folder  # where files go now
        self.metrics = [json_line({"step": 0, "machine": machine()})]  # and a line for each point of the curves
        self.step = 0  # of the model that is kept whole
        self.saved: int | None = None  # step of the state saved last
        self._described = place is not None  # whether what never changes is on disk
        self._stored: Plan | None = None  # the plan that is
        self._logged = 0  # lines of the metrics that are on disk
        if folder is None or place is not None:
            return
        finish_swap(folder)
        check_free(folder, overwrite)
        self._place = sibling_path(folder, "new")
        remove_model(self._place)
        if self._place.exists():
            raise ModelExistsError(f"{self._place} is in the way and not charlm's; move it, or choose another --model")

    def describe(self, plan: Plan, prepared: Dataset) -> None:
        """What is being trained, and on what."""
        self._plan, self._prepared = plan, prepared

    def begin(self) -> None:
        """Write what the folder has from the start; also what a failure or somebody has taken away."""
        if self._place is None:
            return
        if not self._described or not all((self._place / name).exists() for name in (CONFIG, TOKENIZER, PLAN)):
            self._described, self._stored, self.step = False, None, 0
            training_state.begin(self._place)
            checkpoint.create(self._place, self._plan.model, self._prepared.tokenizer, self._corpus())
            self._described = True
        if self._stored != self._plan:
            self._stored = None
            write_atomic(self._place / PLAN, to_json(asdict(self._plan)))
            self._stored = self._plan

    def keep(self, best: Best, parameters: int) -> None:
        """Keep this model, of so many parameters, in place of the one before."""
        if self.folder is None or self._place is None:
            return
        self.step = 0
        self.begin()
        checkpoint.save_weights(self._place, best.weights, best.step, best.evaluation.summary())
        name = self.folder.resolve().name
        card = model_card(name, self._plan, self._prepared, parameters, best.step, best.evaluation, best.samples)
        write_atomic(self._place / CARD, card.encode())
        self._write_metrics()
        if self._place != self.folder:
            try:
                swap_in(self._place, self.folder)
            finally:  # it may fail after the rename
                if self.folder.exists() and not self._place.exists():
                    self._place = self.folder
        self.step = best.step

    def save(self, saved: TrainingState) -> None:
        """Keep the whole state of the run."""
        if self._place is None:
            return
        self.begin()
        training_state.save(self._place, saved)
        self.saved = saved.step

    def newest(self) -> TrainingState | None:
        """The state saved last that is whole."""
        return None if self._place is None else training_state.newest(self._place)[0]

    def leave(self) -> None:
        """However the run has ended: delete files that are neither a model nor a state to go on from."""
        if self._place is not None and self._place != self.folder and not self.newest():
            remove_model(self._place)

    def whole(self, step: int) -> bool:
        """Whether the model of this step, with its plan and metrics, is on disk; somebody may have taken it away."""
        if self.folder is None or self._place is None:
            return True
        there = self._place == self.folder and all((self.folder / name).exists() for name in FILES)
        return there and self.step == step and self._stored == self._plan and self._logged == len(self.metrics)

    def finish(self) -> None:
        """The run has come to its end: its state is needed no more."""
        if self._place is not None:
            training_state.finish(self._place)

    def log(
        self, started: float, progress: Progress, evaluation: Evaluation | None = None, samples: Sequence[str] = ()
    ) -> None:
        """Add a line to the metrics. Without an evaluation it goes to disk with the next that has one, and not twice.

        started: the time.monotonic() at which the run began. A run that goes on comes by the step again at which its
        state was saved.
        """
        if evaluation is None and self.metrics and self.metrics[-1].startswith(f'{{"step":{progress.step},'):
            return
        values = {
            "step": progress.step,
            "seconds": round(time.monotonic() - started, 3),
            "train_nats_per_token": progress.nats_per_token,
            **({"valid": evaluation.summary()} if evaluation else {}),
            "gradient_norm": progress.gradient_norm,
            "learning_rate": self._plan.learning_rate(progress.step - 1),
            "characters_per_second": round(progress.characters_per_second),
            **({"samples": list(samples)} if samples else {}),
        }
        self.metrics.append(json_line(values))
        if evaluation and self._place is not None and self._place == self.folder:
            self._write_metrics()

    def revise(self, plan: Plan) -> None:
        """Store the plan as it is now."""
        self._plan = plan
        if self._place is not None and self._place.is_dir():
            self.begin()

    def why(self, error: OSError, needed: int) -> str:
        """What was in the way of writing, and how much room there is where `needed` bytes should go."""
        place = self._place
        while place is not None and not place.exists() and place != place.parent:
            place = place.parent
        try:
            free = shutil.disk_usage(place or ".").free
            room = f"; a save needs {needed / 1e6:,.1f} MB, and {free / 1e6:,.1f} MB are free"
        except OSError:
            room = ""
        return f"{error.filename or self.folder}: {error.strerror or error}{room}"

    def _write_metrics(self) -> None:
        assert self._place is not None
        write_atomic(self._place / METRICS, "".join(line + "\n" for line in self.metrics).encode())
        self._logged = len(self.metrics)

    def _corpus(self) -> dict[str, Any]:
        corpus, parts = self._prepared.corpus, self._prepared.parts
        return {
            "files": list(corpus.names),
            "held_out": list(self._prepared.held_out),
            "characters": corpus.characters,
            "sequences": len(parts.train) + (len(parts.valid) if parts.held_out else 0),
            "sha256": corpus.fingerprint(),
        }
