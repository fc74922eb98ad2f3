"""Real training processes killed again and again, at any moment: resumed to the end, they are the run never killed."""

import os
import random
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import counters as tally
import pytest
from reference_run import COUNTED, PLAN, TEXT, begin_or_go_on, ended, ending, events_of, outcome, reached, undisturbed
from soak import SOAK

import charlm
from charlm.checkpoints.model_folder import sibling_path
from charlm.training.events import Event, Planned, Resumed
from charlm.training.learner import Learner

if sys.platform == "win32":
    pytest.skip("signals are those of POSIX", allow_module_level=True)
from forked_trainer import PROCESSES

KILLS = 100 if SOAK else 12  # in each of the two tests that kill
CALLS = ("fsync", "replace", "rename", "mkdir", "unlink", "rmdir")  # all that a trainer does to the disk but write


def watch(patch: pytest.MonkeyPatch, before: Callable[[int, str, Any], None]) -> None:
    """Call `before` with 1, 2, 3 ..., the name and the first argument of every call that changes the disk."""
    number = 0

    def watched(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched_call(first: Any, *arguments: Any, **settings: Any) -> Any:
            nonlocal number
            number += 1
            before(number, name, first)
            return None if name == "fsync" else call(first, *arguments, **settings)  # nothing here waits for the disk

        return watched_call

    for name in CALLS:
        patch.setattr(os, name, watched(name, getattr(os, name)))


def train(folder: Path, kill_before: int | None, begun: Any, plan: charlm.Plan) -> None:
    """Train in a process of its own, which kills itself before that many calls, or tells when it has begun."""

    def kill(number: int, name: str, first: Any) -> None:
        if number == kill_before:
            if name == "fsync" and number % 2:  # as much as a power cut leaves of what was not flushed yet
                with suppress(OSError):  # a folder has no half
                    os.truncate(first, os.fstat(first).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    def tell(event: Event) -> None:
        if isinstance(event, Planned):
            begun.set()

    with pytest.MonkeyPatch.context() as patch:
        watch(patch, kill)
        begin_or_go_on(folder, tell, plan)


def killed(folder: Path, after: float | None = None, before: int | None = None, plan: charlm.Plan = PLAN) -> bool:
    """Start a trainer, and kill it so many seconds after its run has begun, or before so many calls of the system.

    What there was before is there afterwards.
    """
    if ended(folder):
        return False
    there_was, had_reached = folder.exists(), reached(folder)
    begun = PROCESSES.Event()
    process = PROCESSES.Process(target=train, args=(folder, before, begun, plan))
    process.start()
    if after is not None:
        assert begun.wait(60)
        process.join(after)
        process.kill()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    if there_was:
        charlm.load(folder)
    assert reached(folder) >= had_reached, "a state that was finished is lost"
    return process.exitcode != 0


@dataclass(frozen=True)
class Case:
    """What is trained, and whether an older model is there before."""

    name: str
    plan: charlm.Plan = PLAN
    overwriting: bool = False


CASES = (Case("first training"), Case("overwriting", overwriting=True), Case("with counts", plan=COUNTED))


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def folder(case: Case, tmp_path: Path) -> Callable[[int], Path]:
    """Makes a place for a model, with nothing there or with an older model."""
    if case.overwriting:
        charlm.train(TEXT, plan=replace(case.plan, steps=1, validations=1), folder=tmp_path / "old")

    def place(number: int) -> Path:
        (tmp_path / str(number)).mkdir()
        folder = tmp_path / str(number) / "m"
        return shutil.copytree(tmp_path / "old", folder) if case.overwriting else folder

    return place


def end(folder: Path, plan: charlm.Plan = PLAN) -> None:
    """Let the run come to its end, with nothing lost, and compare it with the one that was left alone."""
    had_reached = reached(folder)
    had_ended = ended(folder)
    if not had_ended:
        resumed = [event.step for event in events_of(folder, plan) if isinstance(event, Resumed)]
        assert resumed in ([], [had_reached]), "nothing to go on from, or all that was finished"
    assert outcome(folder) == undisturbed(plan)
    left = {path.name for path in folder.parent.iterdir()} - {sibling_path(folder, "lock").name if had_ended else ""}
    assert left == {"m"}, "nothing is left behind, but for the lock of one that was killed when all was done"


def test_a_trainer_killed_again_and_again_while_it_trains_comes_to_the_same_end(
    case: Case, folder: Callable[[int], Path]
) -> None:
    """The moments are random, from a fixed seed; each run is killed some times, then left alone."""
    moments, survived = random.Random(5), 0
    for number in range(KILLS):  # a trainer may be at its end before it is killed
        place = folder(number)
        times = sum(
            killed(place, after=moments.uniform(0.0, 0.06), plan=case.plan) for _ in range(moments.randrange(2, 6))
        )
        end(place, case.plan)
        survived += times
        if survived >= KILLS // 2:
            break
    assert survived >= KILLS // 2
    tally.count("kills survived", survived)


def test_a_trainer_killed_in_the_middle_of_a_save_comes_to_the_same_end(
    case: Case, folder: Callable[[int], Path]
) -> None:
    """Before the n-th call that changes the disk, whatever that is: each run some times, then left alone."""
    moments, survived, number = random.Random(6), 0, 0
    while survived < KILLS // 2:
        place, number = folder(number), number + 1
        times = sum(
            killed(place, before=moments.randrange(1, 100), plan=case.plan) for _ in range(moments.randrange(1, 5))
        )
        end(place, case.plan)
        survived += times
    tally.count("kills survived", survived)


def test_a_trainer_that_goes_on_can_be_killed_before_each_call_it_makes(tmp_path: Path) -> None:
    """Kill it before every second call of its first save and of its end; `make soak` kills it before every call."""
    base = tmp_path / "base" / "m"
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Learner, "backward", ending(Learner.backward, 6))
        begin_or_go_on(base)
    shutil.copytree(base.parent, tmp_path / "0")
    with pytest.MonkeyPatch.context() as patch:
        numbers: list[int] = []
        watch(patch, lambda number, name, first: numbers.append(number))
        begin_or_go_on(tmp_path / "0" / "m")
    calls = numbers if SOAK else [*numbers[:20:2], *numbers[-12::2]]
    for number in calls:
        shutil.copytree(base.parent, tmp_path / str(number))
        assert killed(tmp_path / str(number) / "m", before=number)
        end(tmp_path / str(number) / "m")
        tally.count("kills survived")
