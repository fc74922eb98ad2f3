"""The meter of a training run: it measures, reports every event, and keeps the lines of `metrics.jsonl`."""

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from charlm.checkpoints.training_state import require_number
from charlm.files.atomic import json_line
from charlm.nn.native.library import path_in_use, resolve_precision
from charlm.plan import Plan
from charlm.system import machine
from charlm.tasks import About, Batches, Dataset, Metrics
from charlm.training import events
from charlm.training.events import Progress, Report

_SMOOTHED_STEPS = 50  # the longest memory of the smoothed training loss
_HIGH_LOSS = 1.5  # times the loss of a blind guess: the learning rate is too high


class Meter:
    """Measures of a run: the smoothed training loss (nats per target), the last gradient norm, and the seconds spent.

    report: receives every event. started: the time.monotonic() at which the command began.
    """

    def __init__(self, report: Report, dataset: Dataset, batches: Batches, started: float) -> None:
        self._report = report
        self.started = started  # moved back when a run is resumed, so that the seconds of both parts add up
        self.unit, self._sha256 = dataset.unit, dataset.sha256
        self._targets_per_step = batches.targets_per_step
        self._blind_guess = dataset.blind_guess
        self._high_loss_reported = False
        self.loss = math.nan
        self.gradient_norm = math.nan
        self.learning_seconds = 0.0
        self.lines = [json_line({"step": 0, "machine": machine()})]  # of metrics.jsonl

    def record(self, step: int, loss: float, gradient_norm: float, seconds: float) -> None:
        """Record a training step, the `step`-th of this run."""
        self.gradient_norm = gradient_norm
        weight = 1 / max(1, min(_SMOOTHED_STEPS, step / 10))
        self.loss = loss if math.isnan(self.loss) else (1 - weight) * self.loss + weight * loss
        self.learning_seconds += seconds

    def go_on(self, step: int, lines: Sequence[str], seconds: float) -> None:
        """Add to the metrics and the seconds of an earlier run, which ended at this step."""
        self.lines = [*lines, json_line({"step": step, "machine": machine()})]
        self.started -= seconds

    def values(self) -> dict[str, Any]:
        """Return the measures as plain values, for the training state."""
        return {
            "smoothed": None if math.isnan(self.loss) else self.loss,
            "gradient_norm": None if math.isnan(self.gradient_norm) else self.gradient_norm,
            "learning_seconds": self.learning_seconds,
            "seconds": time.monotonic() - self.started,
            "metrics": self.lines,
        }

    def restore(self, values: Mapping[str, Any], *, resumed: bool) -> None:
        """Return to what `values` returned. `resumed`: another process measured it, so its seconds count as well.

        Raises KeyError, TypeError.
        """
        self.loss = math.nan if values["smoothed"] is None else require_number(values, "smoothed")
        norm = values["gradient_norm"]
        self.gradient_norm = math.nan if norm is None else require_number(values, "gradient_norm")
        self.learning_seconds, seconds = (require_number(values, name) for name in ("learning_seconds", "seconds"))
        self.lines = [str(line) for line in values["metrics"]]
        if resumed:
            self.started -= seconds

    def log(self, progress: Progress, plan: Plan, metrics: Metrics | None = None, previews: Sequence[str] = ()) -> None:
        """Add a line to the metrics, unless nothing was validated and the step has a line.

        A run that is resumed passes the step of its last save a second time.
        """
        if metrics is None and self.lines and self.lines[-1].startswith(f'{{"step":{progress.step},'):
            return
        values = {
            "step": progress.step,
            "seconds": round(time.monotonic() - self.started, 3),
            f"train_nats_per_{self.unit.target}": progress.loss,
            **({"valid": metrics.summary()} if metrics else {}),
            "gradient_norm": progress.gradient_norm,
            "learning_rate": plan.learning_rate(progress.step - 1),
            f"{self.unit.read}_per_second": round(progress.speed),
            **({"samples": list(previews)} if previews else {}),
        }
        self.lines.append(json_line(values))

    def progress(self, step: int, plan: Plan, seconds_left: float | None = None) -> Progress:
        """Return where the run is; the time left is estimated from the steps so far unless given."""
        steps = step - plan.start  # of this run
        targets_per_second = steps * self._targets_per_step / max(self.learning_seconds, 1e-9)
        if seconds_left is None:
            seconds_left = self.learning_seconds / max(1, steps) * (plan.total - step)
        return Progress(
            step=step,
            steps=plan.total,
            loss=self.loss,
            gradient_norm=self.gradient_norm,
            learning_rate=plan.learning_rate(step),
            speed=targets_per_second * self.unit.per_target,
            seconds_left=seconds_left,
            unit=self.unit,
        )

    def report_progress(self, progress: Progress) -> None:
        """Report where the run is."""
        self._report(progress)

    def report_plan(
        self,
        plan: Plan,
        about: About,
        *,
        size_reason: str,
        parameters: int,
        micro_batches: int,
        steps_per_epoch: int,
        device: torch.device,
        processes: int,
        seconds: float | None,
        folder: Path | None,
    ) -> None:
        """Report the plan and what it was made for. `seconds`: the time left for the run, None if it has no limit."""
        self._report(
            events.Planned(
                plan=plan,
                about=about,
                size_reason=size_reason,
                parameters=parameters,
                device=str(device),
                recurrence=path_in_use(),
                precision=resolve_precision(plan.train.precision, device),
                micro_batches=micro_batches,
                epochs=(plan.total - plan.start) / steps_per_epoch,
                seconds=seconds,
                folder=folder,
                processes=processes,
                sha256=self._sha256,
            )
        )

    def report_previews(self, step: int, previews: tuple[str, ...]) -> None:
        """Report previews between two validations."""
        self._report(events.Previewed(step, previews))

    def report_validation(
        self, progress: Progress, metrics: Metrics, *, best: bool, previews: tuple[str, ...], answered: str
    ) -> None:
        """Report an evaluation of the held-out part. answered: as in `Validated`."""
        self._report(events.Validated(progress, metrics, best, previews, answered))

    def report_high_loss(self, step: int, plan: Plan) -> None:
        """Report, once in a run, that the smoothed loss is far above that of a blind guess."""
        high = step - plan.start >= _SMOOTHED_STEPS and self.loss > _HIGH_LOSS * self._blind_guess
        if high and not self._high_loss_reported:
            self._high_loss_reported = True
            self._report(events.LossHigh(step, self.loss, self._blind_guess, plan.peak))

    def report_revision(self, step: int, total: int) -> None:
        """Report a new total of steps."""
        self._report(events.Revised(step, total))

    def report_continued(self, plan: Plan) -> None:
        """Report that the run continues from the model of an earlier one."""
        self._report(events.Continued(plan.kept_before, plan.start, plan.total))

    def report_resumed(self, step: int, damaged: tuple[str, ...]) -> None:
        """Report the step at which a run continues, and the damaged states that were passed over."""
        self._report(events.Resumed(step, damaged))

    def report_rollback(self, at: int, to: int, learning_rate: float) -> None:
        """Report a return to an earlier state, with a lower learning rate."""
        self._report(events.RolledBack(at, to, learning_rate))

    def report_not_saved(self, step: int, reason: str) -> None:
        """Report that the disk refused a write."""
        self._report(events.NotSaved(step, reason))

    def report_stopped(self, step: int, saved: int | None) -> None:
        """Report that the run was asked to stop; `saved` is the step of the last saved state."""
        self._report(events.Stopped(step, saved))

    def report_finished(
        self,
        progress: Progress,
        plan: Plan,
        folder: Path | None,
        parameters: int,
        best_step: int,
        metrics: Metrics,
    ) -> None:
        """Report the end of a run, complete or not; `metrics` are of the model that is kept."""
        self._report(
            events.Finished(
                folder=folder,
                parameters=parameters,
                steps=progress.step,
                best_step=best_step,
                seconds=time.monotonic() - self.started,
                speed=progress.speed,
                unit=self.unit,
                evaluation=metrics,
                start=plan.start,
            )
        )
