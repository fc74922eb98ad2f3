"""Train a model: prepare the corpus, fix a plan, follow it, and keep the best network."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Unpack

import torch

from charlm.arguments import checked_path, field_keywords, named, with_keywords
from charlm.checkpoints.claim import check_free
from charlm.checkpoints.model_folder import lock
from charlm.config import ModelConfig, TrainConfig
from charlm.data.given_vocabulary import with_tokenizer
from charlm.data.sources import Source, check_inputs
from charlm.errors import ConfigError, CorpusError
from charlm.keywords import SettingKeywords
from charlm.model import Model
from charlm.nn.device import find_device
from charlm.nn.native.threads import use_threads
from charlm.plan import Plan
from charlm.progress import ignore
from charlm.registry import find
from charlm.tasks import Task
from charlm.tokenizers import Tokenizer
from charlm.training import given
from charlm.training.distributed import Group, join
from charlm.training.events import AlreadyFinished, NoEarlierRun, NotLocked, Report, both
from charlm.training.finished_run import FinishedRun
from charlm.training.given import checked_source
from charlm.training.notebook import NotebookProgress, in_notebook
from charlm.training.progress_lines import ProgressLines
from charlm.training.resume import find_run, plans_to_follow, restarted
from charlm.training.run import STORED, Job, follow
from charlm.training.start import find_start

_PRODUCTS = Lock()  # guards the precision of products on a GPU, which all threads share
_products_before: list[str] = []  # for each run on a GPU, the precision before the first of them


@with_keywords([*field_keywords(ModelConfig), *field_keywords(TrainConfig)])
def train(
    source: Source,
    model: ModelConfig | None = None,
    config: TrainConfig | None = None,
    *,
    valid: Source | None = None,
    plan: Plan | str | Path | None = None,
    tokenizer: Tokenizer | str | None = None,
    start_from: Model | str | Path | None = None,
    folder: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    force: bool = False,
    progress: bool = False,
    report: Report | None = None,
    started: float | None = None,
    **settings: Unpack[SettingKeywords],
) -> Model:
    """Train on files, folders or a text, and return the model that answers the held-out part best.

    source: one path or several, or a text (a string that contains a newline).
    model: the settings of the network; what is None there fits the corpus and the time.
    config: the settings of the run, such as its time, which is three minutes if nothing else is given.
    valid: a separate held-out text, in place of a part of the corpus.
    plan: a stored plan to repeat, or the path of a plan.json; it has both configurations, and those of earlier runs.
    tokenizer: the name of a tokenizer, or a vocabulary to use unchanged instead of learning one.
    start_from: a language model to start from: its name, its path, or itself. The network has its shape, and its
    weights, also those of each token that both know.
    folder: where to keep the model, complete at every moment from the first validation on, and the state of the run
    until it ends; without it, the model is in memory only, and its `save` writes it.
    overwrite: replace the model or the unfinished run in `folder`.
    resume: continue the run in `folder` that was stopped. If it has ended, continue from its model up to a larger
    budget, which counts all runs; without a larger budget, return its model. If there is none, begin one.
    force: train even if the time is too short for a step and its validation, which is a ConfigError otherwise.
    progress: write lines about the run to sys.stderr; in a notebook, show a bar below the cell.
    report: receives every event (charlm.training.events); `str` of an event is a line.
    started: the time.monotonic() from which a budget in minutes counts; None is now.
    settings: fields of ModelConfig and TrainConfig, such as minutes=1 or cell="lstm". They change `model`, `config` and
    `plan`.

    Raises TypeError for an argument of another type, CorpusError, ConfigError, ModelExistsError, ModelInUseError;
    SaveError if the disk refuses the model at the end; DivergenceError if the loss becomes NaN or infinite;
    DistributedError if another process has ended. A KeyboardInterrupt stops training: the state is saved at once, and
    the best model so far stays in the folder.

    All processes that torchrun starts call this with the same arguments, and train one model. The first process reports
    and writes the folder. If torchrun restarts them, they continue from the state that was saved last.
    """
    started = monotonic() if started is None else started
    report = ignore if report is None else report
    if not callable(report):
        raise TypeError(f"report must be a function of one argument, not {named(report)}")
    if progress:
        report = both(NotebookProgress() if in_notebook() else ProgressLines(sys.stderr), report)
    source = checked_source("train() takes", source)
    valid = None if valid is None else checked_source("valid must be", valid)
    folder = None if folder is None else checked_path("folder must be", folder)
    asked = given.settings(model, config, plan, tokenizer, start_from, settings)
    plan = asked.plan
    if resume and folder is None:
        raise ConfigError("resume=True needs folder=")
    if resume and overwrite:
        both_given = "resume continues a run, and overwrite replaces it"
        raise ConfigError(both_given, remedy="leave_out", settings=["overwrite"])
    with join() as group:
        report = report if group.first else ignore
        continues = folder is not None and (resume or restarted(group, folder, overwrite))
        run = find_run(group, folder) if folder and continues else None
        if isinstance(run, FinishedRun) and not resume:
            return run.model  # torchrun has started a command again that had ended
        plans = plans_to_follow(run, asked)
        model, config, tokenizer = asked.model, asked.config, asked.tokenizer
        if run and run.plan:
            model, config = run.plan.model, run.plan.train
        start = None if run and run.plan else find_start(asked.start, config)
        if isinstance(run, FinishedRun):
            tokenizer = run.model.tokenizer
        elif start:
            model = start.vocabulary(with_tokenizer(model, tokenizer), asked.keywords)
        else:
            model = with_tokenizer(model, tokenizer)
        device = _device(config.device, group)
        # Fail before the work, and name a wrong setting before a model that is in the way.
        check_inputs(source, model, config, valid)
        if run is None and not plan:
            model = given.with_task(asked, model, source)
        model.check_fits_task()
        if start:
            model, config = start.shape(model, config, asked.keywords), start.config(config)
            asked = asked._replace(config=config)
            plans = [each and replace(each, train=start.config(each.train)) for each in plans]
        task = find(Task, model.task)
        if folder and group.first and run is None:
            check_free(folder, overwrite)  # `claim` checks again: another process may train while the corpus is read
        if folder and continues and run is None:
            report(NoEarlierRun(folder))
        with group.local_leader_first():
            material = task.read(source, valid, model, tokenizer=tokenizer, on_progress=report)
            if isinstance(run, FinishedRun):
                material.check_same(run.model, run.data, run.figures)
                if not plans:
                    return _already_finished(run, report)
            dataset = task.prepare(material, model, config, tokenizer=tokenizer, on_progress=report)
        if run and run.plan:
            dataset = dataset.repeated("as in the earlier run")
        elif plan:
            dataset = dataset.repeated(STORED)
        _check_same(f"{dataset.identity} {start.sha256 if start else ''}", group)
        batches = dataset.batches(config, group.rows)
        _check_rows(batches.batch_size, config.batch_size, group)
        if isinstance(run, FinishedRun) and not plan and not run.allows(asked.config, batches.steps_per_epoch):
            return _already_finished(run, report)  # a budget in epochs, which only the batches turn into steps
        folder = folder if group.first else None
        job = Job(group, dataset, batches, dataset.complete(model), device, folder, overwrite, force, report, start)
        with _torch_settings(config, device), lock(folder) if folder else nullcontext("") as refusal:
            if folder and refusal:
                report(NotLocked(folder, refusal))
            for index, each in enumerate(plans, 1):
                run = follow(job, run, each, asked.config, started, last=index == len(plans))
                started = monotonic()
        assert isinstance(run, FinishedRun)
        return run.model


def _already_finished(run: FinishedRun, report: Report) -> Model:
    report(AlreadyFinished(run.model.name, run.plan.total, run.seconds))
    return run.model


def _check_same(identity: str, group: Group) -> None:
    """Raise CorpusError if the first process has read another text, or has made other tokens of it."""
    if group.broadcast_bytes(identity.encode()).decode() != identity:
        raise CorpusError(
            "the corpus, or its tokens, differ from those of the first process; give all machines the same files and"
            " the same versions"
        )


def _check_rows(rows: int, asked: int, group: Group) -> None:
    """Raise ConfigError if a batch has fewer rows than there are processes; `asked` is its size in the settings."""
    if rows < group.size:
        few = f"{group.size} processes cannot share a batch of {rows}"
        raise ConfigError(few, remedy="larger_batch" if asked < group.size else "longer_corpus")


def _device(name: str, group: Group) -> torch.device:
    """Return the device of this process. Raises ConfigError for a device that this machine does not have."""
    device = find_device(name)
    if device.type == "cuda" and group.size > 1:
        if group.local_rank >= torch.cuda.device_count():
            few = f"this machine has {torch.cuda.device_count()} GPUs, fewer than the processes on it"
            raise ConfigError(few, remedy="fewer_processes")
        torch.cuda.set_device(group.local_rank)
        return torch.device("cuda", group.local_rank)
    return device


@contextmanager
def _torch_settings(config: TrainConfig, device: torch.device) -> Iterator[None]:
    """Set torch's threads and handling of denormals for training, and restore them afterwards."""
    threads = torch.get_num_threads()
    if config.threads:
        use_threads(config.threads)
    torch.set_flush_denormal(True)  # saturated gates give denormals, which are many times slower
    try:
        with _fast_products() if device.type == "cuda" else nullcontext():
            yield
    finally:
        torch.set_flush_denormal(False)
        use_threads(threads)


@contextmanager
def _fast_products() -> Iterator[None]:
    """Let a GPU multiply in TF32, with factors of 10 bits and sums of 23, until the last run inside has ended."""
    with _PRODUCTS:
        _products_before.append(_products_before[0] if _products_before else torch.get_float32_matmul_precision())
        torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        with _PRODUCTS:
            before = _products_before.pop()
            if not _products_before:
                torch.set_float32_matmul_precision(before)
