"""The trainer follows a plan step by step, and keeps the best model and the training state on the way."""

import copy
import errno
import math
import time
from collections.abc import Callable

import torch

from charlm.checkpoints.training_state import TrainingState
from charlm.errors import DivergenceError, SaveError
from charlm.interrupts import Interrupts, Terminated
from charlm.nn.trainable import Trainable
from charlm.plan import Plan
from charlm.randomness import bits
from charlm.tasks import Batches, Dataset, Metrics
from charlm.training.best import Best
from charlm.training.distributed import ALONE, Group
from charlm.training.divergence import diverged
from charlm.training.events import Progress
from charlm.training.finished_run import FinishedRun
from charlm.training.learner import Learner
from charlm.training.meter import Meter
from charlm.training.model_card import model_card
from charlm.training.planner import TimeBudget
from charlm.training.resumable import Resumable
from charlm.training.resume import broadcast_state
from charlm.training.run_folder import RunFolder
from charlm.training.start import Start

_REPORT_EVERY = 0.25  # seconds between two progress reports
_DROPOUT = 3  # the first random stream for dropout, one per process; the batches use streams 0 to 2


class Trainer(Resumable):
    """A training run, ready to begin or to continue.

    budget: the deadline of this process, which revises the number of steps; None if the steps were given, or if another
    process watches the deadline. state: the state to resume; None for a new run. after: the run whose model a new run
    continues from. start: the model that a new network starts from.
    """

    def __init__(
        self,
        *,
        dataset: Dataset,
        batches: Batches,
        plan: Plan,
        run_folder: RunFolder,
        meter: Meter,
        device: torch.device,
        budget: TimeBudget | None = None,
        group: Group = ALONE,
        state: TrainingState | None = None,
        after: FinishedRun | None = None,
        start: Start | None = None,
    ) -> None:
        self.dataset, self.batches, self.plan, self.budget = dataset, batches, plan, budget
        self.run_folder, self.meter, self.device, self.group = run_folder, meter, device, group
        # With several processes, none may stop while the others wait for it, or far from a mean of their weights.
        self.shared = group.size > 1 or plan.train.sync_every > 1
        self.interrupts = Interrupts(always_held=self.shared)
        self.step, self.validated_step = plan.start, 0
        self.saved_at = 0.0  # seconds on the monotonic clock
        self.revised_total = 0  # a new number of steps, on which all processes have yet to agree; 0: none
        self.best: Best | None = None
        self.network = dataset.network(plan.model, device, plan.train.seed)
        if after:
            self.network.continue_from(after.model.network.state_dict(), trained=after.step > 0)
            meter.go_on(plan.start, after.metrics, after.seconds)
        self.started_as = dataset.start(self.network, start.model) if start else ""  # the tokens, in words
        self.learner = Learner(self.network, plan.train, group)
        if device.type == "cuda":
            self.learner.find_micro_batches(batches[0])
        self.rollback_state = copy.deepcopy(self.state())  # the first state; for a run without a folder, the last one
        if state:
            self.restore(state, resumed=True)

    def run(self) -> None:
        """Train to the end of the plan. If something stops the run, save its state at once."""
        try:
            with self.interrupts:
                try:
                    self._train_loop()
                except KeyboardInterrupt as stop:
                    self._stop(validate=not isinstance(stop, Terminated))
                    raise
                except (MemoryError, RuntimeError):  # torch raises RuntimeError when a device has no more memory
                    # Several processes cannot save: the others, which hold a part of the state, go on.
                    if self.learner.whole and not self.shared:
                        self._stop(validate=False)
                    raise
        finally:
            self._report_end()

    @property
    def name(self) -> str:
        """Name of the model: that of its folder, or of the data."""
        return self.run_folder.name or self.dataset.name

    def card(self, best: Best) -> str:
        """Return the model card of a network that is kept."""
        origin = self.run_folder.data.get("start")
        return model_card(self.name, self.plan, self.dataset, self.network.parameter_count(), best, origin)

    def nbytes(self) -> int:
        """Return the bytes of this process's share of the training state."""
        return self.learner.nbytes() + (self.best.nbytes() if self.best else 0)

    def save(self) -> None:
        """Save the whole state; if the disk refuses it, report that and continue."""
        self._save(self.state())

    def _train_loop(self) -> None:
        reported = self.saved_at = time.monotonic()
        while True:
            if self.step == self.plan.start and not (self.best or self.plan.kept_before):
                self._keep_first()
            if self.validated_step != self.step and self.plan.validate_after(self.step):
                self._validate()
            elif self.step and self.plan.log_after(self.step):
                due = self.plan.preview_after(self.step)
                self._log(self._previews(self.learner.averaged_network) if due else ())
            if self.step >= self.plan.total:
                break
            self._synchronise()
            self._learn()
            if time.monotonic() - reported > _REPORT_EVERY:
                reported = time.monotonic()
                self.meter.report_progress(self._progress())
        self._finish()

    def _synchronise(self) -> None:
        """Act on what one process alone has seen, a signal or the clock, in all processes after the same step."""
        now = time.monotonic()
        if self.budget and not self.revised_total:
            self.revised_total = self.budget.revise(self.plan, self.step)
        save_due = self.group.first and now - self.saved_at > self.plan.train.save_every
        requests = (self.interrupts.waiting or 0, int(save_due), self.revised_total)
        if not (self.group.sync_requested(any(requests)) and self.plan.averages_after(self.step)):
            return
        signal, save, total = self.group.all_reduce_max(requests)
        self.revised_total = 0
        if signal:
            self.interrupts.answer(signal)
        if save:
            self.save()
            self.saved_at = time.monotonic()
            if self.budget:
                self.budget.pause(self.saved_at - now)
        if total > self.step:
            self.plan = self.plan.revise(self.step, total)
            self._write(lambda: self.run_folder.save_plan(self.plan))
            self.meter.report_revision(self.step, total)

    def _learn(self) -> None:
        if self.plan.model.dropout:
            self.learner.seed_dropout(int(bits(self.plan.train.seed, _DROPOUT + self.group.rank, self.step)[0]))
        batch, rate = self.batches[self.step], self.plan.learning_rate(self.step)
        before = time.perf_counter()
        loss, norm = self.learner.backward(batch)
        if not math.isfinite(loss + norm) and not self.learner.local:
            return self._roll_back()
        with self.interrupts.held():  # a state saved in the middle of an update would be useless
            self.learner.apply(rate)
            self.step += 1
            mean = self.plan.averages_after(self.step)
            if not self.learner.finish_step(self.step, self.plan.progress(self.step), mean=mean):
                return self._roll_back()
            self.meter.record(self.step - self.plan.start, loss, norm, time.perf_counter() - before)
        self.meter.report_high_loss(self.step, self.plan)

    def _roll_back(self) -> None:
        """Return to the last state with half the learning rate; give up the second time."""
        at = self.step
        if self.plan.halved_at is not None:
            raise self.diverged("the loss or its gradient")
        self.restore(broadcast_state(self.group, self.run_folder.newest_state() or self.rollback_state))
        self.plan = self.plan.halve(self.step)
        self._write(lambda: self.run_folder.save_plan(self.plan))
        if self.budget:
            self.budget.restart(self.step)
        self.meter.report_rollback(at, self.step, self.plan.peak / 2)

    def _keep_first(self) -> None:
        """Keep a model that answers without training, if there is one; the network then has to be better."""
        if first := self.dataset.first_model(self.network, self.group.map_rows):
            self._judge(*first)

    def _validate(self) -> None:
        before, network = time.monotonic(), self.learner.averaged_network.eval()
        self._judge(*self.dataset.validate(network, self.group.map_rows))
        if self.budget:
            self.budget.validation_seconds = time.monotonic() - before
            self.budget.pause(self.budget.validation_seconds)

    def _judge(self, network: Trainable, metrics: Metrics, answered: str = "") -> None:
        """Report the metrics of a network, and keep it if no earlier one was better. answered: as in `Validated`."""
        previews = self._previews(network)
        best = metrics.objective < (self.best.objective if self.best else (math.inf,))  # False for a NaN
        with self.interrupts.held():
            self.validated_step = self.step
            if best:
                # A copy, because training continues in the memory of the original.
                weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
                step = self.step if self.step > self.plan.start else self.plan.kept_before
                self.best = Best(step, metrics, previews, weights)
            self._log(previews, metrics)
        if best:
            self._write(lambda: self._save_best(self.best))
        self.meter.report_validation(self._progress(), metrics, best=best, previews=previews, answered=answered)

    def _previews(self, network: Trainable) -> tuple[str, ...]:
        previews: tuple[str, ...] = ()
        if self.group.first:
            previews = self.dataset.previews(self.plan.model, network, self.plan.train.seed)
        self.network.train()
        return previews

    def _log(self, previews: tuple[str, ...] = (), metrics: Metrics | None = None) -> None:
        if previews and metrics is None:
            self.meter.report_previews(self.step, previews)
        self.meter.log(self._progress(), self.plan, metrics, previews)
        if metrics:
            self._write(lambda: self.run_folder.save_metrics(self.meter.lines))

    def _progress(self) -> Progress:
        return self.meter.progress(self.step, self.plan, self.budget.seconds_left() if self.budget else None)

    def _stop(self, validate: bool) -> None:
        """Save the state at once; if there is no model of a trained network and there is time, validate to get one."""
        self.save()
        self.meter.report_stopped(self.step, self.run_folder.saved_step)
        if self.best is None and self.step:
            self._keep_unvalidated()
        if validate and self.step > self.plan.start and (self.best is None or not self.best.step):
            self._validate()

    def _keep_unvalidated(self) -> None:
        """Write the present network as a model that was not validated, unless an earlier run has left a model."""
        if not self.run_folder.replaces_model:
            best = Best(self.step, None, (), self.learner.averaged_network.state_dict())
            self._write(lambda: self._save_best(best))

    def _finish(self) -> None:
        """Write the model if it is not on the disk yet, then delete the state."""
        state = self.state()  # while all processes take part
        try:
            if not self._best_is_stored():
                self._save_best(self.best)
        except OSError as error:
            self._save(state)
            reason = f"the model could not be written: {self.run_folder.explain(error, self.nbytes())}"
            remedy = "make_room" if self.run_folder.saved_step is None else "make_room_and_resume"
            raise SaveError(reason, remedy="" if error.errno == errno.EFBIG else remedy) from None
        self.run_folder.finish()

    def _report_end(self) -> None:
        folder, best, size = self.run_folder.folder, self.best, self.network.parameter_count()
        if best and best.metrics and (self.run_folder.model_step is not None or folder is None):
            self.meter.report_finished(self._progress(), self.plan, folder, size, best.step, best.metrics)

    def _save(self, state: TrainingState) -> None:
        if self.run_folder.folder is None:
            self.rollback_state = copy.deepcopy(state)
        elif self.run_folder.saved_step != self.step:
            self._write(lambda: self.run_folder.save_state(self.plan, state))
        if not self._best_is_stored():  # the disk or an interrupt prevented it
            self._write(lambda: self._save_best(self.best))

    def _save_best(self, best: Best | None) -> None:
        if best is None or self.run_folder.folder is None:
            return
        self.run_folder.save_best(self.plan, best, card=self.card(best), metrics=self.meter.lines)

    def _best_is_stored(self) -> bool:
        return self.best is None or self.run_folder.is_current(self.plan, self.best.step, self.meter.lines)

    def _write(self, action: Callable[[], None]) -> None:
        try:
            action()
        except OSError as error:
            self.meter.report_not_saved(self.step, self.run_folder.explain(error, self.nbytes()))

    def diverged(self, what: str) -> DivergenceError:
        """Return the error for a run in which `what` became NaN or infinite."""
        return diverged(what, self.step, self.plan, self.run_folder.folder if self.best else None)
