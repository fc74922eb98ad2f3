"""One run: its plan followed step by step, its best model and its state kept, whatever comes in between."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from charlm.checkpoints.training_state import TrainingState
from charlm.errors import ConfigError, DivergenceError, ModelError, SaveError
from charlm.interrupts import Interrupts
from charlm.language_model import LanguageModel
from charlm.plan import Plan
from charlm.randomness import bits
from charlm.scoring.evaluation import Evaluation
from charlm.tasks.language import Dataset
from charlm.training import meter as telling
from charlm.training.best import Best, best_from, tensors_of, values_of, without
from charlm.training.distributed import ALONE, Group
from charlm.training.events import (
    LossHigh,
    NotSaved,
    Previewed,
    Report,
    Resumed,
    Revised,
    RolledBack,
    Stopped,
    Validated,
)
from charlm.training.learner import Learner
from charlm.training.planner import Pace
from charlm.training.resume import Begun, check_state, number, send
from charlm.training.run_folder import RunFolder
from charlm.training.specimens import draw_specimens

_TELL_EVERY = 0.25  # seconds between progress reports
_SMOOTHED = 50  # steps over which the training loss told is smoothed, at most
_HIGH = 1.5  # times the loss of a guess, and something is wrong
_DROPOUT = 3  # what a random number is for: batches have 0 to 2, each process from 3 on its own


@dataclass
class Run:
    """A training run: what it was given, and how far it is."""

    prepared: Dataset
    kept: RunFolder
    report: Report
    started: float
    device: torch.device
    plan: Plan
    pace: Pace | None  # None: the steps were given, the clock of this process has no say
    why: str  # the network has its size
    group: Group = ALONE
    step: int = 0
    saved_at: float = 0.0  # the last time, or when it began
    revised: int = 0  # another total of steps, to be agreed on
    smoothed: float = math.nan  # training loss
    gradient_norm: float = math.nan
    warned: bool = False  # that it is high
    learning_seconds: float = 0.0
    validated: int = 0  # step of the last validation
    best: Best | None = None

    def __post_init__(self) -> None:
        # Of several processes none may stop while the others wait for it.
        self.interrupts = Interrupts(always_held=self.group.size > 1)

    def begin(self, begun: Begun | None) -> None:
        """Build the network the plan describes, take up the state of a run that was cut short, and tell."""
        self.fingerprint = self.prepared.sha256
        if begun and begun.saved:
            check_state(begun.saved, self.prepared, self.plan)
        self.batches = self.prepared.batches(self.plan.train, self.group.rows, self.group.size)
        torch.manual_seed(self.plan.train.seed)
        self.network = self.prepared.network(self.plan.model, self.device)
        self.learner = Learner(self.network, self.plan.train, self.group)
        if self.device.type == "cuda":
            self.learner.find_micro_batches(self.batches[0])
        self.good = copy.deepcopy(self._state())  # what to roll back to where there is no folder
        if begun and begun.saved:
            self.started -= self._restore(begun.saved)
            self.kept.saved = self.step
        self._try_disk()
        self.report(telling.planned(self))
        if begun:
            self.report(Resumed(self.step, begun.damaged))

    def follow(self) -> None:
        """Take all steps of the plan, validating when it says so."""
        told = self.saved_at = time.monotonic()
        while True:
            if self.validated != self.step and self.plan.validate_after(self.step):
                self._validate()
            elif self.step and self.plan.log_after(self.step):
                self._log(self._draw() if self.plan.draw_after(self.step) else ())
            if self.step >= self.plan.total:
                break
            self._agree()
            self._learn()
            if time.monotonic() - told > _TELL_EVERY:
                told = time.monotonic()
                self.report(telling.progress(self))
        self._finish()

    def save(self) -> None:
        """Keep the whole state; where the disk does not take it, tell, and go on."""
        self._save(self._state())

    def _save(self, state: TrainingState) -> None:
        if self.kept.folder is None:
            self.good = copy.deepcopy(state)
        elif self.kept.saved != self.step:
            self._write(lambda: self.kept.save(state))
        if self.best and not self.kept.whole(self.best.step):  # the disk, or an interrupt, was in the way before
            self._write(self._keep_best)

    def stop(self, validate: bool) -> None:
        """After a request to end: save the state at once; where there is no model yet, make one if there is time."""
        self.save()
        self.report(Stopped(self.step, self.kept.saved))
        if self.best is None and self.step and validate:
            self._validate()

    def tell_end(self) -> None:
        if self.best is not None and (self.kept.step or self.kept.folder is None):
            self.report(telling.finished(self, self.best.step, self.best.evaluation))

    def model(self) -> LanguageModel:
        """The best network of the run. Raises DivergenceError where no validation gave a finite number."""
        if self.best is None:
            raise self._diverged("the loss of the held-out part")
        self.network.load_state_dict(self.best.weights)
        return LanguageModel(self.plan.model, self.prepared.tokenizer, self.network.eval())

    def _agree(self) -> None:
        """What one process alone has seen, a signal or the clock, is answered by all of them after the same step."""
        now = time.monotonic()
        if self.pace and not self.revised:
            self.revised = self.pace.revised(self.plan, self.step)
        due = self.group.first and now - self.saved_at > self.plan.train.save_every
        wishes = (self.interrupts.waiting or 0, int(due), self.revised)
        if not self.group.sync_requested(any(wishes)):
            return
        signal, save, total = self.group.all_reduce_max(wishes)
        self.revised = 0
        if signal:
            self.interrupts.answer(signal)
        if save:
            self.save()
            self.saved_at = time.monotonic()
            if self.pace:
                self.pace.pause(self.saved_at - now)
        if total > self.step:
            self.plan = self.plan.revise(self.step, total)
            self._write(lambda: self.kept.revise(self.plan))
            self.report(Revised(self.step, total))

    def _learn(self) -> None:
        if self.plan.model.dropout:
            torch.manual_seed(int(bits(self.plan.train.seed, _DROPOUT + self.group.rank, self.step)[0]))
        batch, rate = self.batches[self.step], self.plan.learning_rate(self.step)
        before = time.perf_counter()
        loss, norm = self.learner.backward(batch)
        if not math.isfinite(loss + norm):
            self._roll_back()
            return
        with self.interrupts.held():  # an update torn in the middle could not be saved
            self.learner.apply(rate)
            self.step += 1
            self.gradient_norm = norm
            self.learner.update_average(self.step, self.plan.progress(self.step))
            weight = 1 / max(1, min(_SMOOTHED, self.step / 10))
            self.smoothed = loss if math.isnan(self.smoothed) else (1 - weight) * self.smoothed + weight * loss
            self.learning_seconds += time.perf_counter() - before
        uniform = math.log(self.prepared.tokenizer.size)
        if self.step >= _SMOOTHED and self.smoothed > _HIGH * uniform and not self.warned:
            self.warned = True
            self.report(LossHigh(self.step, self.smoothed, uniform, self.plan.peak))

    def _roll_back(self) -> None:
        """To the last good state, with half the learning rate; the second time give up."""
        at = self.step
        if self.plan.halved_at is not None:
            raise self._diverged("the loss or its gradient")
        self._restore(send(self.group, self.kept.newest() or self.good))
        self.plan = self.plan.halve(self.step)
        self._write(lambda: self.kept.revise(self.plan))
        if self.pace:
            self.pace.restart(self.step)
        self.report(RolledBack(at, self.step, self.plan.peak / 2))

    def _diverged(self, what: str) -> DivergenceError:
        kept = f"; the best model so far is kept in {self.kept.folder}" if self.best and self.kept.folder else ""
        rate = self.plan.peak
        at = f"{what} is not a finite number at step {self.step:,}, at a peak learning rate of {rate:g}"
        halved = " and half of it" if self.plan.halved_at is not None else ""
        return DivergenceError(f"{at}{halved}{kept}; try --learning-rate {rate / 4:g}")

    def _validate(self) -> None:
        before, network = time.monotonic(), self.learner.averaged_network.eval()
        evaluation = self.prepared.evaluate(network, self.prepared.parts.valid, self.group.map_rows)
        samples = self._draw()
        bar = self.best.evaluation.known_nats if self.best else math.inf
        best = evaluation.known_nats < bar  # never true of a NaN
        with self.interrupts.held():
            self.validated = self.step
            if best:
                # A copy, since training goes on in the original's memory.
                weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
                self.best = Best(self.step, evaluation, samples, weights)
            self._log(samples, evaluation)
        if best:
            self._write(self._keep_best)
        if self.pace:
            self.pace.validation_seconds = time.monotonic() - before
            self.pace.pause(self.pace.validation_seconds)
        self.report(Validated(telling.progress(self), evaluation, best, samples))

    def _log(self, samples: tuple[str, ...] = (), evaluation: Evaluation | None = None) -> None:
        if samples and evaluation is None:
            self.report(Previewed(self.step, samples))
        self._write(lambda: self.kept.log(self.started, telling.progress(self), evaluation, samples))

    def _draw(self) -> tuple[str, ...]:
        model = LanguageModel(self.plan.model, self.prepared.tokenizer, self.learner.averaged_network.eval())
        samples = draw_specimens(model, self.plan.train.seed) if self.group.first else ()
        self.network.train()
        return samples

    def _keep_best(self) -> None:
        assert self.best
        self.kept.keep(self.best, self.network.parameter_count())

    def _finish(self) -> None:
        """The model must be on disk now; then the state is needed no more."""
        state = self._state()  # while all processes are here
        try:
            if self.best and not self.kept.whole(self.best.step):
                self._keep_best()
        except OSError as error:
            self._save(state)
            way_on = "train again" if self.kept.saved is None else "go on with --resume"
            raise SaveError(f"the model could not be written: {self._why(error)}; make room, then {way_on}") from None
        self.kept.finish()

    def _state(self) -> TrainingState:
        """All that the rest of the run depends on; the tensors are the run's own memory."""
        values = {
            "plan": self.plan.to_json(),
            "corpus": self.fingerprint,
            "smoothed": None if math.isnan(self.smoothed) else self.smoothed,
            "gradient_norm": None if math.isnan(self.gradient_norm) else self.gradient_norm,
            "learning_seconds": self.learning_seconds,
            "seconds": time.monotonic() - self.started,
            "validated": self.validated,
            "metrics": self.kept.metrics,
        }
        return TrainingState(self.step, values | values_of(self.best), self.learner.tensors() | tensors_of(self.best))

    def _restore(self, saved: TrainingState) -> float:
        """Returns the seconds the run had taken by then. Raises ModelError for a state that is none of this run."""
        values = saved.values
        try:
            self.learner.restore(without(saved.tensors))
            self.best = best_from(values, saved.tensors, self.network.state_dict(), self.device)
            self.validated = int(values["validated"])
            self.smoothed = math.nan if values["smoothed"] is None else number(values, "smoothed")
            self.gradient_norm = math.nan if values["gradient_norm"] is None else number(values, "gradient_norm")
            self.learning_seconds, seconds = number(values, "learning_seconds"), number(values, "seconds")
            self.kept.metrics = [str(line) for line in values["metrics"]]
        except (ConfigError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise ModelError(f"{self.kept.folder}: step {saved.step} is not of this run: {error}") from None
        self.step = saved.step
        return seconds

    def _try_disk(self) -> None:
        """Before the work; raises SaveError where nothing can be written, at the second attempt either."""
        self.kept.describe(self.plan, self.prepared)
        for last in (False, True):
            try:
                return self.kept.begin()
            except OSError as error:
                if last:
                    why = f"the model cannot be written: {self._why(error)}"
                    raise SaveError(f"{why}; choose another place with --model") from None

    def _write(self, action: Callable[[], None]) -> None:
        try:
            action()
        except OSError as error:
            self.report(NotSaved(self.step, self._why(error)))

    def _why(self, error: OSError) -> str:
        return self.kept.why(error, self.learner.nbytes() + (self.best.nbytes() if self.best else 0))
