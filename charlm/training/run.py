"""One run, from its plan to its end: a new one, one that was stopped, or one that continues from a finished model."""

from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import torch

from charlm.checkpoints import model_paths
from charlm.checkpoints.claim import claim
from charlm.config import ModelConfig, TrainConfig
from charlm.errors import DivergenceError
from charlm.plan import Plan
from charlm.tasks import About, Batches, Dataset
from charlm.training.distributed import Group
from charlm.training.events import Event, Finished, Measuring, Report
from charlm.training.finished_run import FinishedRun, check_unchanged
from charlm.training.meter import Meter
from charlm.training.planner import PlannedRun, make_plan
from charlm.training.resume import UnfinishedRun, broadcast_plan, check_state
from charlm.training.run_folder import RunFolder
from charlm.training.start import Start
from charlm.training.trained import trained_model
from charlm.training.trainer import Trainer

STORED = "as in the stored plan"  # why a size, or another choice, is what it is


class Job(NamedTuple):
    """What the runs of one call have in common; `folder` is None in all processes but the first."""

    group: Group
    dataset: Dataset
    batches: Batches
    model: ModelConfig
    device: torch.device
    folder: Path | None
    overwrite: bool
    force: bool  # train even if a budget is too small for one step
    report: Report
    start: Start | None  # the model from which a new run starts


def follow(
    job: Job,
    run: UnfinishedRun | FinishedRun | None,
    plan: Plan | None,
    config: TrainConfig,
    started: float,
    *,
    last: bool,
) -> FinishedRun:
    """Train to the end of a run. The caller holds the lock of the folder.

    run: a run to resume, or a run that has ended, from whose model this one continues. plan: the plan to follow; None
    if it has to be made for the budget of `config`. last: whether no other run of the job follows.
    """
    unfinished = run if isinstance(run, UnfinishedRun) else None
    after = run if isinstance(run, FinishedRun) else None
    path = _prepared_folder(job, unfinished, after)
    planned = _planned(job, plan, config, started, after)
    plan, budget = broadcast_plan(job.group, planned.plan), planned.budget if job.group.first else None
    state = unfinished.state if unfinished else None
    if state:
        check_state(state, job.dataset, plan)
    start = None if state or after else job.start
    origin = start.origin() if start else state.values.get("start") if state else after and after.data.get("start")
    run_folder = RunFolder(
        job.folder,
        path,
        contents=job.dataset.contents(),
        data=job.dataset.describe() | ({"start": origin} if origin else {}),
        saved_step=state.step if state and path else None,
        continues=after is not None,
    )
    report = job.report if last else _without_end(job.report, plan.total)
    try:
        meter = Meter(report, job.dataset, job.batches, started)
        trainer = Trainer(
            dataset=job.dataset,
            batches=job.batches,
            plan=plan,
            run_folder=run_folder,
            meter=meter,
            device=job.device,
            budget=budget,
            group=job.group,
            state=state,
            after=after,
            start=start,
        )
        run_folder.open(plan, trainer.nbytes(), trainer.rollback_state if after else None)
        meter.report_plan(
            plan,
            _about(job.dataset.about(job.batches, plan.model, plan.train), plan, trainer.started_as),
            size_reason=planned.size_reason,
            parameters=trainer.network.parameter_count(),
            micro_batches=trainer.learner.micro_batches,
            steps_per_epoch=job.batches.steps_per_epoch,
            device=job.device,
            processes=job.group.size,
            seconds=budget.seconds_left() if budget else None,
            folder=job.folder,
        )
        if unfinished:
            meter.report_resumed(trainer.step, unfinished.damaged)
        elif after:
            meter.report_continued(plan)
        try:
            trainer.run()
        except DivergenceError:
            if after and not (trainer.best and trainer.best.step > plan.start):
                run_folder.abandon(after.plan)
            raise
    finally:
        run_folder.clean_up()
    if job.folder:
        model_paths.remember(job.folder)
    return _finished(job, trainer)


def _prepared_folder(job: Job, unfinished: UnfinishedRun | None, after: FinishedRun | None) -> Path | None:
    """Return the folder in which the run writes its files until it keeps a model."""
    if job.folder is None:
        return None
    if after:
        check_unchanged(after, job.folder)
        return job.folder
    if unfinished and unfinished.path:
        return unfinished.path
    return claim(job.folder, job.overwrite or unfinished is not None)


def _planned(job: Job, plan: Plan | None, config: TrainConfig, started: float, after: FinishedRun | None) -> PlannedRun:
    """Return the stored plan for this job, or a plan for the budget of `config`."""
    if plan is None:
        if config.budget_minutes:
            job.report(Measuring())
        return make_plan(
            job.dataset,
            job.batches,
            job.model,
            job.dataset.complete_run(after.continued(config) if after else config),
            device=job.device,
            started=started,
            group=job.group,
            after=after,
            force=job.force,
        )
    earlier = after.plan.history(after.step) if after else plan.earlier
    train = job.dataset.complete_run(plan.train)
    return PlannedRun(replace(plan, model=job.model, train=train, earlier=earlier), None, STORED)


def _about(data: About, plan: Plan, started_as: str) -> About:
    """Add the model that the network started from; `started_as` says what its tokens started as, if it is new."""
    if plan.train.start_from is None:
        return data
    tokens = f": {started_as}" if started_as else ""
    frozen = "; what came from it is not trained" if plan.train.freeze else ""
    return replace(data, after=(*data.after, ("start", f"{plan.train.start_from}{tokens}{frozen}")))


def _without_end(report: Report, total: int) -> Report:
    """Return a receiver that leaves out the end of a run of `total` steps, which another run follows."""

    def pass_on(event: Event) -> None:
        if not isinstance(event, Finished) or event.steps < total:
            report(event)

    return pass_on


def _finished(job: Job, trainer: Trainer) -> FinishedRun:
    model = trained_model(trainer)
    assert trainer.best
    return FinishedRun(
        model=model,
        plan=trainer.plan,
        step=trainer.best.step,
        data=trainer.run_folder.data,
        figures=trainer.best.summary() or {},
        seconds=monotonic() - trainer.meter.started,
        metrics=tuple(trainer.meter.lines),
    )
