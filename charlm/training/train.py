"""Train a model: prepare the corpus, fix a plan, follow it, keep the best."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import torch

from charlm.checkpoints.checkpoint import load
from charlm.checkpoints.model_folder import lock
from charlm.config import ModelConfig, TrainConfig
from charlm.errors import ConfigError, CorpusError
from charlm.interrupts import Terminated
from charlm.language_model import LanguageModel
from charlm.plan import Plan
from charlm.tasks.language import Source, prepare, with_tokenizer
from charlm.tokenizers import Tokenizer
from charlm.training.distributed import Group, join
from charlm.training.events import Report
from charlm.training.planner import make_plan
from charlm.training.resume import check_agrees, find_together, restarted, send_plan
from charlm.training.run_folder import RunFolder, check_free
from charlm.training.trainer import Run


def train(
    source: Source,
    model: ModelConfig | None = None,
    config: TrainConfig | None = None,
    *,
    valid: Source | None = None,
    plan: Plan | None = None,
    tokenizer: Tokenizer | None = None,
    folder: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    report: Report = lambda event: None,
    started: float | None = None,
) -> LanguageModel:
    """Train on files, folders or a text, and return the model that was best on the held-out part.

    source: a path or several, or a text (a string with a newline in it). valid: held-out text of its own.
    plan: follow a stored plan; `model` and `config` are then its own. tokenizer: a vocabulary, used as it is. folder:
    keep the model there, whole at every moment from the first validation on, and the state of the run until its end.
    resume: go on with the run that was cut short there; one that has ended gives its model at once. report: called with
    what happens. started: the time.monotonic() from which a budget in minutes counts; None is now.

    Raises CorpusError, ConfigError, ModelExistsError, ModelInUseError, SaveError where the disk would not take the
    model to the end, DivergenceError where the loss stops being a number, or DistributedError where another process is
    gone. A KeyboardInterrupt stops training; the state is saved at once, and the best model so far is kept.

    Where torchrun has started several processes, all call this with the same arguments, and train one model. The
    first reports, and writes into the folder. After a restart by torchrun the run goes on from the state saved last.
    """
    started = time.monotonic() if started is None else started
    model = plan.model if plan else model or ModelConfig()
    config = plan.train if plan else config or TrainConfig()
    folder = Path(folder) if folder else None
    if tokenizer is not None:
        model = with_tokenizer(model, tokenizer)
    if resume and folder is None:
        raise ConfigError("only a run that has a folder can go on")
    with join() as group:
        begun = None
        if folder and (resume or restarted(group, folder, overwrite)):
            begun = find_together(group, folder)
            if begun is None:
                return load(folder)
            if begun.plan:
                check_agrees(begun.plan, model, config)
                model, config, plan = begun.plan.model, begun.plan.train, begun.plan
        elif folder and group.first:
            check_free(folder, overwrite)  # before the work, and again when the folder is locked
        if not group.first:
            folder, report = None, lambda event: None
        model = with_tokenizer(model, tokenizer)
        plan = replace(plan, model=model) if plan else None
        device = _device(config.device, group)
        with group.local_leader_first():
            prepared = prepare(source, model, config, valid, report, tokenizer)
        _check_same(prepared.identity, group)
        if prepared.vectors:
            model = replace(model, embedding_size=prepared.vectors.matrix.shape[1])
        with _torch_settings(config, device), lock(folder) if folder else nullcontext():
            kept = RunFolder(folder, overwrite or begun is not None, begun.place if begun else None)
            pace, why = None, "as the stored plan says"
            if plan is None:
                plan, pace, why = make_plan(prepared, model, config, device, started, group)
            elif plan.model.sequence == "auto":  # asked for beside the plan
                plan = replace(plan, model=replace(plan.model, sequence=prepared.sequence))
            plan, pace = send_plan(group, plan), pace if group.first else None
            run = Run(prepared, kept, report, started, device, plan, pace, why, group)
            try:
                run.begin(begun)
                _follow(run)
            finally:
                kept.leave()
            return run.model()


def _follow(run: Run) -> None:
    """To the end of the plan; where something comes in between, the state is saved at once."""
    try:
        with run.interrupts:
            try:
                run.follow()
            except KeyboardInterrupt as stop:
                run.stop(validate=not isinstance(stop, Terminated))
                raise
            except (MemoryError, RuntimeError):  # torch's, where its device has no more room
                if run.group.size == 1:  # else the others, who have a part of the state, know nothing of it
                    run.stop(validate=False)
                raise
    finally:
        run.tell_end()


def _check_same(identity: str, group: Group) -> None:
    """Raise CorpusError if the first process has read another text than this one, or made other tokens of it."""
    if group.broadcast_bytes(identity.encode()).decode() != identity:
        raise CorpusError(
            "the corpus, or the symbols made of it, are not those of the first process;"
            " give all machines the same files and the same versions"
        )


def _device(name: str, group: Group) -> torch.device:
    """Raises ConfigError for a device this machine does not have. `auto` is cuda where there is one, else cpu."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if (name == "cuda" and not torch.cuda.is_available()) or (name == "mps" and not torch.backends.mps.is_available()):
        raise ConfigError(f"this machine, or this torch, has no {name} device; try --device cpu")
    if name == "cuda" and group.size > 1:
        if group.local_rank >= torch.cuda.device_count():
            few = f"this machine has {torch.cuda.device_count()} GPUs, fewer than the processes on it"
            raise ConfigError(f"{few}; give torchrun that --nproc-per-node, or charlm --device cpu")
        torch.cuda.set_device(group.local_rank)
        return torch.device(name, group.local_rank)
    return torch.device(name)


@contextmanager
def _torch_settings(config: TrainConfig, device: torch.device) -> Iterator[None]:
    """Threads, random state and denormals as training wants them, and afterwards as they were."""
    threads, products = torch.get_num_threads(), torch.get_float32_matmul_precision()
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")  # TF32: factors of 10 bits, sums of 23
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.set_flush_denormal(True)  # saturated gates give denormals, which are many times slower
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(products)
