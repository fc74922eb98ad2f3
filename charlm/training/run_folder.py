"""The folder of a training run: its best model and its state. At every moment, what was complete stays complete."""

import errno
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from charlm.checkpoints import training_state, write
from charlm.checkpoints.model_folder import (
    CARD,
    CONFIG,
    FILES,
    METRICS,
    PLAN,
    is_unfinished,
    remove_model,
    swap_in,
)
from charlm.checkpoints.training_state import TrainingState
from charlm.errors import SaveError
from charlm.files.atomic import to_json, write_atomic
from charlm.files.reading import reason
from charlm.model import Contents
from charlm.plan import Plan
from charlm.training.best import Best


def metrics_file(lines: Sequence[str]) -> bytes:
    """Return the content of the file of the metrics."""
    return "".join(line + "\n" for line in lines).encode(errors="backslashreplace")  # an escape of JSON


class RunFolder:
    """Writes to `path` until the first model is kept, then to `folder`; writes nothing if they are None.

    contents: what the folder has of the task. data: the description of the data for `config.json`. saved_step: the step
    of the state in `path`, if the run is resumed. continues: whether `path` has a finished model, from which the run
    continues. Every method that writes raises OSError, and leaves what was on the disk before untouched.
    """

    def __init__(
        self,
        folder: Path | None,
        path: Path | None,
        *,
        contents: Contents,
        data: Mapping[str, Any],
        saved_step: int | None = None,
        continues: bool = False,
    ) -> None:
        self.folder = folder
        self.saved_step = saved_step  # of the last saved state
        self.model_step: int | None = None  # of the model on the disk, if it is complete and was validated
        self._path = path  # where files are written now
        self.data, self._contents = data, contents
        self._created = continues or saved_step is not None  # whether the files that never change are on the disk
        self._stored_plan: Plan | None = None  # the plan on the disk
        self._stored_lines = 0  # lines of the metrics on the disk

    @property
    def name(self) -> str:
        """Name of the model; empty if there is no folder."""
        return self.folder.resolve().name if self.folder else ""

    def open(self, plan: Plan, needed: int, first_state: TrainingState | None = None) -> None:
        """Write the first files before the work begins. `needed`: bytes of a state.

        first_state: the state of a run that continues from a finished model. It is written before all other files, so
        that the folder always has a finished run, or one that can resume.

        Raises SaveError if the disk refuses the files twice.
        """
        for last in (False, True):
            try:
                if first_state and self._path is not None:
                    if not is_unfinished(self._path):
                        training_state.start(self._path, first_state)
                    self.saved_step = first_state.step
                return self.begin(plan)
            except OSError as error:
                if last:
                    reason = f"the model cannot be written: {self.explain(error, needed)}"
                    raise SaveError(reason, remedy="other_folder") from None

    def begin(self, plan: Plan) -> None:
        """Write the files that exist from the start, and again what a failure or a person has removed."""
        if self._path is None:
            return
        if not self._created or not all((self._path / name).exists() for name in (CONFIG, PLAN, *self._contents.files)):
            self._created, self._stored_plan, self.model_step = False, None, None
            training_state.begin(self._path)
            write.create(self._path, plan.model, self._contents, self.data)
            self._created = True
        if self._stored_plan != plan:
            self._stored_plan = None
            write_atomic(self._path / PLAN, to_json(plan.to_json()))
            self._stored_plan = plan

    @property
    def replaces_model(self) -> bool:
        """Whether the next model that is kept replaces the folder of an earlier run."""
        return self.folder is not None and self._path != self.folder and self.folder.exists()

    def save_best(self, plan: Plan, best: Best, *, card: str, metrics: Sequence[str]) -> None:
        """Replace the model by this one. The first model of a run replaces the folder of an earlier run."""
        if self.folder is None or self._path is None:
            return
        self.model_step = None
        self.begin(plan)
        write.save_weights(self._path, best.weights, write.metadata(best.step, best.summary()))
        write_atomic(self._path / CARD, card.encode(errors="backslashreplace"))
        self._write_metrics(metrics)
        if self._path != self.folder:
            try:
                swap_in(self._path, self.folder)
            finally:  # a failure may come after the rename
                if self.folder.exists() and not self._path.exists():
                    self._path = self.folder
        self.model_step = best.step if best.metrics else None

    def save_state(self, plan: Plan, state: TrainingState) -> None:
        """Save the whole state of the run."""
        if self._path is None:
            return
        self.begin(plan)
        training_state.save(self._path, state)
        self.saved_step = state.step

    def save_plan(self, plan: Plan) -> None:
        """Store a plan that was revised."""
        if self._path is not None and self._path.is_dir():
            self.begin(plan)

    def save_metrics(self, metrics: Sequence[str]) -> None:
        """Write all lines of the metrics, once the folder has a model."""
        if self._path is not None and self._path == self.folder:
            self._write_metrics(metrics)

    def newest_state(self) -> TrainingState | None:
        """Return the last saved state that is not damaged."""
        return None if self._path is None else training_state.newest(self._path)[0]

    def is_current(self, plan: Plan, step: int, metrics: Sequence[str]) -> bool:
        """Whether the disk has the model of this step, with this plan and these metrics."""
        if self.folder is None or self._path is None:
            return True
        complete = self._path == self.folder and all(
            (self.folder / name).exists() for name in (*FILES, *self._contents.files)
        )
        stored = self._stored_plan == plan and self._stored_lines == len(metrics)
        return complete and stored and self.model_step == step

    def finish(self) -> None:
        """Delete the state of a run that is complete."""
        if self._path is not None:
            training_state.finish(self._path)

    def abandon(self, finished: Plan) -> None:
        """Make the run of the `finished` plan the last one again, after one that continued from its model failed."""
        if self._path is not None:
            with suppress(OSError):
                self.begin(finished)
                training_state.finish(self._path)

    def clean_up(self) -> None:
        """Delete files that are neither a model nor a state to resume from, however the run ended."""
        if self._path is not None and self._path != self.folder and not self.newest_state():
            remove_model(self._path)

    def explain(self, error: OSError, needed: int) -> str:
        """Say why a write failed, and how much room the disk has for the `needed` bytes of a save.

        A limit on the size of a file has nothing to do with the room.
        """
        if error.errno == errno.EFBIG:
            return (
                f"{error.filename or self.folder}: {reason(error)}; raise the limit on the size of a file (ulimit -f)"
            )
        path = self._path
        while path is not None and not path.exists() and path != path.parent:
            path = path.parent
        try:
            free = shutil.disk_usage(path or ".").free
            room = f"; a save needs {needed / 1e6:,.1f} MB, and {free / 1e6:,.1f} MB are free"
        except OSError:
            room = ""
        return f"{error.filename or self.folder}: {error.strerror or error}{room}"

    def _write_metrics(self, lines: Sequence[str]) -> None:
        assert self._path is not None
        write_atomic(self._path / METRICS, metrics_file(lines))
        self._stored_lines = len(lines)
