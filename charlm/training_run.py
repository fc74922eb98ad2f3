"""One run: its plan followed step by step, its best model and its state kept, whatever comes in between."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from charlm.config import from_mapping
from charlm.errors import ConfigError, DivergenceError, ModelError, SaveError
from charlm.evaluation import Evaluation
from charlm.interrupts import Interrupts
from charlm.language_model import LanguageModel
from charlm.native.library import path_in_use
from charlm.network import check_tensors
from charlm.optimization import Learner, resolve_precision
from charlm.pacing import Pace
from charlm.planning import Plan
from charlm.preparation import Prepared
from charlm.randomness import bits
from charlm.reports import (
    Finished,
    NotSaved,
    Planned,
    Progress,
    Report,
    Resumed,
    Revised,
    RolledBack,
    Stopped,
    Validated,
)
from charlm.resumption import Begun, check_corpus, number
from charlm.run_folder import RunFolder
from charlm.steps import Saved

_TELL_EVERY = 0.25  # seconds between progress reports
_SMOOTH = 0.98  # of the training loss told, a step
_DROPOUT = 3  # what a random number is for; batches have 0 to 2


@dataclass
class Run:
    """A training run: what it was given, and how far it is."""

    prepared: Prepared
    kept: RunFolder
    report: Report
    started: float
    device: torch.device
    plan: Plan
    pace: Pace | None  # None: the steps were given, the clock has no say
    step: int = 0
    smoothed: float = math.nan  # training loss
    learning_seconds: float = 0.0
    validated: int = 0  # step of the last validation
    best: Evaluation | None = None
    best_step: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    interrupts: Interrupts = field(default_factory=Interrupts)

    def begin(self, begun: Begun | None) -> None:
        """Build the network the plan describes, take up the state of a run that was cut short, and tell."""
        self.fingerprint = self.prepared.fingerprint()
        self.batches = self.prepared.batches(self.plan.train)
        torch.manual_seed(self.plan.train.seed)
        self.network = self.prepared.network(self.plan.model, self.device)
        self.learner = Learner(self.network, self.plan.train)
        if self.device.type == "cuda":
            self.learner.fit_memory(self.batches[0])
        self.good = copy.deepcopy(self._state())  # what to roll back to where there is no folder
        if begun and begun.saved:
            check_corpus(begun.saved, self.fingerprint)
            self.started -= self._restore(begun.saved)
            self.kept.saved = self.step
        self.kept.describe(self.plan, self.prepared)
        self.report(self._planned())
        if begun:
            self.report(Resumed(self.step, begun.damaged))

    def follow(self) -> None:
        """Take all steps of the plan, validating when it says so."""
        told = saved = time.monotonic()
        while True:
            if self.validated != self.step and self.plan.validate_after(self.step):
                self._validate()
            if self.step >= self.plan.total:
                break
            if time.monotonic() - saved > self.plan.train.save_every:
                before = time.monotonic()
                self.save()
                saved = time.monotonic()
                if self.pace:
                    self.pace.pause(saved - before)
            self._learn()
            self._revise()
            if time.monotonic() - told > _TELL_EVERY:
                told = time.monotonic()
                self.report(self._progress())
        self._finish()

    def save(self) -> None:
        """Keep the whole state; where the disk does not take it, tell, and go on."""
        if self.kept.folder is None:
            self.good = copy.deepcopy(self._state())
        elif self.kept.saved != self.step:
            self._write(lambda: self.kept.save(self._state()))
        if self.best and not self.kept.whole(self.best_step):  # the disk, or an interrupt, was in the way before
            self._write(self._keep_best)

    def stop(self, validate: bool) -> None:
        """After a request to end: save the state at once; where there is no model yet, make one if there is time."""
        self.save()
        self.report(Stopped(self.step, self.kept.saved))
        if self.best is None and self.step and validate:
            self._validate()

    def tell_end(self) -> None:
        if self.best is not None and (self.kept.step or self.kept.folder is None):
            self.report(
                Finished(
                    folder=self.kept.folder,
                    parameters=self.network.parameter_count(),
                    steps=self.step,
                    best_step=self.best_step,
                    seconds=time.monotonic() - self.started,
                    characters_per_second=self._progress().characters_per_second,
                    evaluation=self.best,
                )
            )

    def model(self) -> LanguageModel:
        """The best network of the run. Raises DivergenceError where no validation gave a finite number."""
        if self.best is None:
            raise self._diverged("the loss of the held-out part")
        self.network.load_state_dict(self.best_weights)
        return LanguageModel(self.plan.model, self.prepared.tokenizer, self.network.eval())

    def _learn(self) -> None:
        if self.plan.model.dropout:
            torch.manual_seed(int(bits(self.plan.train.seed, _DROPOUT, self.step)[0]))
        batch, rate = self.batches[self.step], self.plan.learning_rate(self.step)
        before = time.perf_counter()
        with self.interrupts.held():  # a step torn in the middle could not be saved
            loss, norm = self.learner.learn(batch, rate)
            finite = math.isfinite(loss + norm)
            if finite:
                self.step += 1
                self.learner.average(self.step, self.plan.progress(self.step))
                self.smoothed = loss if math.isnan(self.smoothed) else _SMOOTH * self.smoothed + (1 - _SMOOTH) * loss
                self.learning_seconds += time.perf_counter() - before
        if not finite:
            self._roll_back()

    def _roll_back(self) -> None:
        """To the last good state, with half the learning rate; the second time give up."""
        at = self.step
        if self.plan.halved_at is not None:
            raise self._diverged("the loss or its gradient")
        self._restore(self.kept.newest() or self.good)
        self.plan = self.plan.halve(self.step)
        self._write(lambda: self.kept.revise(self.plan))
        if self.pace:
            self.pace.restart(self.step)
        self.report(RolledBack(at, self.step, self.plan.train.learning_rate / 2))

    def _diverged(self, what: str) -> DivergenceError:
        kept = f"; the best model so far is kept in {self.kept.folder}" if self.best and self.kept.folder else ""
        rate = self.plan.train.learning_rate
        at = f"{what} is not a finite number at step {self.step:,}, at a peak learning rate of {rate:g}"
        halved = " and half of it" if self.plan.halved_at is not None else ""
        return DivergenceError(f"{at}{halved}{kept}; try --learning-rate {rate / 4:g}")

    def _validate(self) -> None:
        before, network = time.monotonic(), self.learner.best_guess.eval()
        evaluation = self.prepared.evaluate(network, self.prepared.parts.valid)
        self.network.train()
        best = evaluation.known_nats < (self.best.known_nats if self.best else math.inf)  # never true of a NaN
        with self.interrupts.held():
            self.validated = self.step
            if best:
                # A copy, since training goes on in the original's memory.
                self.best_weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
                self.best, self.best_step = evaluation, self.step
            progress = self._progress()
            seconds = time.monotonic() - self.started
            self._write(lambda: self.kept.log(self.step, seconds, progress, self.plan, evaluation))
        if best:
            self._write(self._keep_best)
        if self.pace:
            self.pace.validation_seconds = time.monotonic() - before
            self.pace.pause(self.pace.validation_seconds)
        self.report(Validated(progress, evaluation, best))

    def _keep_best(self) -> None:
        assert self.best
        self.kept.keep(self.best_weights, self.network.parameter_count(), self.best_step, self.best)

    def _finish(self) -> None:
        """The model must be on disk now; then the state is needed no more."""
        try:
            if self.best and not self.kept.whole(self.best_step):
                self._keep_best()
        except OSError as error:
            self.save()
            way_on = "train again" if self.kept.saved is None else "go on with --resume"
            raise SaveError(f"the model could not be written: {self._why(error)}; make room, then {way_on}") from None
        self.kept.finish()

    def _state(self) -> Saved:
        """All that the rest of the run depends on; the tensors are the run's own memory."""
        values = {
            "plan": self.plan.to_json(),
            "corpus": self.fingerprint,
            "smoothed": None if math.isnan(self.smoothed) else self.smoothed,
            "learning_seconds": self.learning_seconds,
            "seconds": time.monotonic() - self.started,
            "validated": self.validated,
            "best": self.best and vars(self.best),
            "best_step": self.best_step,
            "metrics": self.kept.metrics,
        }
        best = {f"best.{name}": tensor for name, tensor in self.best_weights.items()}
        return Saved(self.step, values, self.learner.tensors() | best)

    def _restore(self, saved: Saved) -> float:
        """Returns the seconds the run had taken by then. Raises ModelError for a state that is none of this run."""
        values, tensors = saved.values, dict(saved.tensors)
        best = {name: tensors.pop(f"best.{name}") for name in self.network.state_dict() if f"best.{name}" in tensors}
        try:
            self.learner.restore(tensors)
            self.best = from_mapping(Evaluation, values["best"], "best") if values["best"] else None
            self.best_step, self.validated = int(values["best_step"]), int(values["validated"])
            self.smoothed = math.nan if values["smoothed"] is None else float(values["smoothed"])
            self.learning_seconds, seconds = number(values, "learning_seconds"), number(values, "seconds")
            check_tensors(best, self.network.state_dict() if best else {})
            self.kept.metrics = [str(line) for line in values["metrics"]]
        except (ConfigError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise ModelError(f"{self.kept.folder}: step {saved.step} is not of this run: {error}") from None
        self.step, self.best_weights = saved.step, {name: tensor.to(self.device) for name, tensor in best.items()}
        return seconds

    def _write(self, action: Callable[[], None]) -> None:
        try:
            action()
        except OSError as error:
            self.report(NotSaved(self.step, self._why(error)))

    def _why(self, error: OSError) -> str:
        return self.kept.why(error, sum(tensor.nbytes for tensor in self._state().tensors.values()))

    def _revise(self) -> None:
        if self.pace is None or self.step == self.plan.total:
            return
        share, validations = self.plan.progress(self.step), self.plan.validations
        total = self.pace.revised_total(self.step, self.plan.total, share, validations - int(share * validations))
        if total is not None:
            self.plan = self.plan.revise(self.step, total)
            self._write(lambda: self.kept.revise(self.plan))
            self.report(Revised(self.step, total))

    def _progress(self) -> Progress:
        parts, targets = self.prepared.parts, len(self.prepared.ring.targets)
        characters_each = parts.characters(parts.train) / targets
        rate = self.step * self.batches.seq_len * self.batches.batch_size / max(self.learning_seconds, 1e-9)
        left = (
            self.pace.left() if self.pace else self.learning_seconds / max(1, self.step) * (self.plan.total - self.step)
        )
        return Progress(
            step=self.step,
            steps=self.plan.total,
            nats_per_token=self.smoothed,
            bits_per_char=self.smoothed / math.log(2) / characters_each,
            characters_per_second=rate * characters_each,
            seconds_left=left,
        )

    def _planned(self) -> Planned:
        parts, train = self.prepared.parts, self.plan.train
        return Planned(
            plan=self.plan,
            corpus=self.prepared.corpus,
            why=self.prepared.why,
            split=parts,
            vocabulary=self.prepared.tokenizer.size,
            parameters=self.network.parameter_count(),
            device=str(self.device),
            recurrence=path_in_use(),
            precision=resolve_precision(train.precision, self.device),
            batch_size=self.batches.batch_size,
            seq_len=self.batches.seq_len,
            parts=self.learner.parts,
            shrunk=(self.batches.batch_size, self.batches.seq_len) < (train.batch_size, train.seq_len),
            epochs=self.plan.total / self.batches.steps_per_epoch,
            seconds=self.pace.left() if self.pace else None,
            folder=self.kept.folder,
        )
