"""Train a model: prepare the corpus, fix a plan, follow it, keep the best."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from charlm.config import ModelConfig, TrainConfig
from charlm.errors import ConfigError, DivergenceError
from charlm.evaluation import Evaluation
from charlm.language_model import LanguageModel
from charlm.native.library import path_in_use
from charlm.optimization import Learner, resolve_precision
from charlm.pacing import Pace, make_plan
from charlm.planning import Plan
from charlm.preparation import Prepared, Source, prepare
from charlm.randomness import bits
from charlm.reports import Finished, Planned, Progress, Report, Revised, Validated
from charlm.run_folder import RunFolder, check_free
from charlm.storage import lock

_TELL_EVERY = 0.25  # seconds between progress reports
_SMOOTH = 0.98  # of the training loss told, a step
_DROPOUT = 3  # what a random number is for; batches have 0 to 2


def train(
    source: Source,
    model: ModelConfig | None = None,
    config: TrainConfig | None = None,
    *,
    valid: Source | None = None,
    plan: Plan | None = None,
    folder: str | Path | None = None,
    overwrite: bool = False,
    report: Report = lambda event: None,
    started: float | None = None,
) -> LanguageModel:
    """Train on files, folders or a text, and return the model that was best on the held-out part.

    source: a path or several, or a text (a string with a newline in it). valid: held-out text of its own.
    plan: follow a stored plan; `model` and `config` are then the plan's. folder: keep the model there, whole at
    every moment from the first validation on. report: called with what happens. started: the time.monotonic() from
    which a budget in minutes counts; None is now.

    Raises CorpusError, ConfigError, ModelExistsError, ModelInUseError, or DivergenceError where the loss stops being
    a number. A KeyboardInterrupt stops training; the best model so far is kept in the folder.
    """
    started = time.monotonic() if started is None else started
    model = plan.model if plan else model or ModelConfig()
    config = plan.train if plan else config or TrainConfig()
    device = _device(config.device)
    folder = Path(folder) if folder else None
    if folder:
        check_free(folder, overwrite)  # before the work, and again when the folder is locked
    prepared = prepare(source, model, config, valid)
    with _torch_settings(config, device), lock(folder) if folder else nullcontext():
        kept = RunFolder(folder, overwrite)
        pace = None
        if plan is None:
            plan, pace = make_plan(prepared, model, config, device, started)
        elif plan.model.sequence == "auto":  # asked for beside the plan
            plan = replace(plan, model=replace(plan.model, sequence=prepared.sequence))
        run = _Run(prepared, kept, report, started, device, plan, pace)
        run.begin()
        try:
            run.follow()
        except KeyboardInterrupt:
            run.keep_something()
            raise
        finally:
            run.tell_end()
        return run.model()


@dataclass
class _Run:
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
    best: Evaluation | None = None
    best_step: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)

    def begin(self) -> None:
        """Build the network the plan describes, and tell."""
        self.batches = self.prepared.batches(self.plan.train)
        torch.manual_seed(self.plan.train.seed)
        self.network = self.prepared.network(self.plan.model, self.device)
        self.learner = Learner(self.network, self.plan.train)
        self.kept.describe(self.plan, self.prepared)
        self.report(self._planned())

    def follow(self) -> None:
        """Take all steps of the plan, validating when it says so."""
        told = time.monotonic()
        while self.step < self.plan.total:
            self._learn()
            if self.plan.validate_after(self.step):
                self._validate()
            elif time.monotonic() - told > _TELL_EVERY:
                told = time.monotonic()
                self.report(self._progress())
            self._revise()

    def keep_something(self) -> None:
        """After an interrupt: where no validation has come yet, validate what there is; keep what was not saved yet."""
        if self.best is None and self.step:
            self._validate()
        elif self.best and self.kept.step != self.best_step:  # the interrupt came while it was saved
            self.network.load_state_dict(self.best_weights)
            self.kept.keep(self.network, self.best_step, self.best)

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
        before = time.perf_counter()
        loss, norm = self.learner.learn(self.batches[self.step], self.plan.learning_rate(self.step))
        self.learning_seconds += time.perf_counter() - before
        self.step += 1
        self.learner.average(self.step, self.plan.progress(self.step))
        if not math.isfinite(loss + norm):
            raise self._diverged("the loss")
        self.smoothed = loss if math.isnan(self.smoothed) else _SMOOTH * self.smoothed + (1 - _SMOOTH) * loss

    def _diverged(self, what: str) -> DivergenceError:
        kept = f"; the best model so far is kept in {self.kept.folder}" if self.best and self.kept.folder else ""
        advice = f"try --learning-rate {self.plan.train.learning_rate / 4:g}"
        return DivergenceError(f"{what} is not a finite number at step {self.step:,}{kept}; {advice}")

    def _validate(self) -> None:
        before = time.monotonic()
        network = self.learner.best_guess.eval()
        evaluation = self.prepared.evaluate(network, self.prepared.parts.valid)
        self.network.train()
        least = math.inf if self.best is None else self.best.known_nats
        best = evaluation.known_nats < least  # never true of a NaN
        if best:
            # A copy, since training goes on in the original's memory.
            self.best_weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
            self.best, self.best_step = evaluation, self.step
            self.kept.keep(network, self.step, evaluation)
        progress = self._progress()
        self.kept.log(self.step, time.monotonic() - self.started, progress, self.plan, evaluation)
        if self.pace:
            self.pace.validation_seconds = time.monotonic() - before
            self.pace.pause(self.pace.validation_seconds)
        self.report(Validated(progress, evaluation, best))

    def _revise(self) -> None:
        if self.pace is None or self.step == self.plan.total:
            return
        share = self.plan.progress(self.step)
        left = self.plan.validations - int(share * self.plan.validations)
        total = self.pace.revised_total(self.step, self.plan.total, share, left)
        if total is not None:
            self.plan = self.plan.revise(self.step, total)
            self.kept.revise(self.plan)
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
        parts = self.prepared.parts
        return Planned(
            plan=self.plan,
            corpus=self.prepared.corpus,
            why=self.prepared.why,
            split=parts,
            vocabulary=self.prepared.tokenizer.size,
            parameters=self.network.parameter_count(),
            device=str(self.device),
            recurrence=path_in_use(),
            precision=resolve_precision(self.plan.train.precision, self.device),
            batch_size=self.batches.batch_size,
            seq_len=self.batches.seq_len,
            shrunk=(self.batches.batch_size, self.batches.seq_len)
            < (self.plan.train.batch_size, self.plan.train.seq_len),
            epochs=self.plan.total / self.batches.steps_per_epoch,
            seconds=self.pace.left() if self.pace else None,
            folder=self.kept.folder,
        )


def _device(name: str) -> torch.device:
    """Raises ConfigError for a device this machine does not have. `auto` is cuda where there is one, else cpu."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if (name == "cuda" and not torch.cuda.is_available()) or (name == "mps" and not torch.backends.mps.is_available()):
        raise ConfigError(f"this machine, or this torch, has no {name} device; try --device cpu")
    return torch.device(name)


@contextmanager
def _torch_settings(config: TrainConfig, device: torch.device) -> Iterator[None]:
    """Threads, random state and denormals as training wants them, and afterwards as they were."""
    threads = torch.get_num_threads()
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.set_flush_denormal(True)  # saturated gates give denormals, which are many times slower
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)
