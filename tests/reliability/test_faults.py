"""A disk that refuses, a folder that vanishes, numbers that are none: the run tells, goes on, and ends as it should."""

import errno
import io
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import counters as tally
import pytest
import torch
from reference_run import PLAN, STEPS, TEXT, begin_or_go_on, ending, events_of, outcome, undisturbed
from soak import SOAK

import charlm
from charlm.checkpoints import model_folder
from charlm.checkpoints.checkpoint import describe
from charlm.checkpoints.model_folder import sibling_path
from charlm.cli.remedies import sentence
from charlm.errors import SaveError
from charlm.training.events import Event, NotSaved, Resumed, Stopped
from charlm.training.learner import Learner

CALLS = ("write", "fsync", "rename", "replace")
CAUSES = (errno.ENOSPC, errno.EIO, errno.EACCES)
SHORT = replace(PLAN, steps=4, validations=2)
OLD = replace(PLAN, steps=1, validations=1)


class Watched(io.FileIO):
    """A file of which half is written when the disk is full."""

    act: Callable[[], None]

    def write(self, data: Any) -> int:
        try:
            self.act()
        except OSError:
            super().write(data[: len(data) // 2])
            raise
        return super().write(data)


@contextmanager
def before_each_call(act: Callable[[int], None]) -> Iterator[None]:
    """Call `act` with 1, 2, 3 ... before every write to a file, every flush to the disk and every rename."""
    number = 0

    def step() -> None:
        nonlocal number
        number += 1
        act(number)

    def watched(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched_call(*arguments: Any) -> Any:
            step()
            return None if name == "fsync" else call(*arguments)  # nothing here waits for the disk

        return watched_call

    whole = Path.open

    def open_path(path: Path, mode: str = "r", *arguments: Any, **settings: Any) -> Any:
        if mode != "wb":
            return whole(path, mode, *arguments, **settings)
        file = Watched(path, "wb")
        file.act = step
        return file

    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS[1:]:
            patch.setattr(os, name, watched(name, getattr(os, name)))
        patch.setattr(Path, "open", open_path)
        yield


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> int:
    """How often the disk is asked for something during the run."""
    numbers = [0]
    with before_each_call(numbers.append):
        charlm.train(TEXT, plan=SHORT, folder=tmp_path_factory.mktemp("calls") / "m")
    return numbers[-1]


def test_a_disk_that_fails_once_at_any_moment_changes_nothing_in_the_end(calls: int, tmp_path: Path) -> None:
    """Fail before every second call, each in a run of its own; the causes take turns. `make soak` tries every call."""
    for number in range(1, calls + 1) if SOAK else [*range(1, calls, 2), calls]:
        for cause in CAUSES if SOAK else [CAUSES[number % 3]]:
            folder = tmp_path / f"{number}-{cause}" / "m"
            told: list[Event] = []
            before_the_work = False

            def fail(count: int, at: int = number, cause: int = cause, told: list[Event] = told) -> None:
                nonlocal before_the_work
                if count == at:
                    before_the_work = not told  # there it is only tried again
                    raise OSError(cause, os.strerror(cause))

            with before_each_call(fail):
                charlm.train(TEXT, plan=SHORT, folder=folder, report=told.append)
            not_saved = [event.why for event in told if isinstance(event, NotSaved)]
            if before_the_work or number == calls:  # what the end deletes is not missed
                assert not not_saved
            else:
                assert len(not_saved) == 1
            for why in not_saved:
                assert str(folder.parent) in why and os.strerror(cause) in why
                assert "a save needs" in why and "are free" in why
            assert outcome(folder) == undisturbed(SHORT), f"after failure {number}"
            assert os.listdir(folder.parent) == ["m"], f"after failure {number}"
            tally.count("faults injected")


def test_a_disk_that_fails_for_good_ends_the_run_with_what_was_whole_before(calls: int, tmp_path: Path) -> None:
    """From the n-th call on; afterwards there is room again, and the run goes on to the same end."""
    charlm.train(TEXT, plan=OLD, folder=tmp_path / "old")
    for number in range(1, calls + 1, 1 if SOAK else 3):

        def fail(count: int, at: int = number) -> None:
            if count >= at:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        folder = tmp_path / str(number) / "m"
        shutil.copytree(tmp_path / "old", folder)
        before = outcome(folder)
        why = ""
        try:
            with before_each_call(fail):
                charlm.train(TEXT, plan=SHORT, folder=folder, overwrite=True)
        except SaveError as error:
            why = sentence(error)
            assert str(folder.parent) in why and "a save needs" in why and "are free" in why
            assert "make room" in why or "choose another place" in why
        assert why or outcome(folder)["model.safetensors"] == undisturbed(SHORT)["model.safetensors"]
        assert outcome(folder)["model.safetensors"] == before["model.safetensors"] or describe(folder)["step"] > 1
        begin_or_go_on(folder, plan=SHORT)
        assert outcome(folder) == undisturbed(SHORT), f"after failure {number}"
        tally.count("faults injected")
    assert "No space left" in why or number > calls - 3


@pytest.fixture
def learn(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[int], object]], None]:
    """Makes training call something before each step, with 1, 2, 3 ..."""

    def watch(act: Callable[[int], object]) -> None:
        whole, number = Learner.backward, 0

        def learned(self: Learner, *arguments: Any) -> Any:
            nonlocal number
            number += 1
            act(number)
            return whole(self, *arguments)

        monkeypatch.setattr(Learner, "backward", learned)

    return watch


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_a_folder_that_vanishes_is_there_again_at_the_end(
    learn: Callable[[Callable[[int], object]], None], tmp_path: Path, step: int
) -> None:
    """The model's folder and the one beside it, with all states, just before a step."""
    folder = tmp_path / "m"

    def vanish(number: int) -> None:
        if number == step:
            for each in (folder, sibling_path(folder, "new")):
                shutil.rmtree(each, ignore_errors=True)

    learn(vanish)
    events_of(folder)
    assert outcome(folder) == undisturbed()
    tally.count("faults injected")


def test_a_folder_that_vanishes_in_the_middle_of_a_save_is_there_again_at_the_end(calls: int, tmp_path: Path) -> None:
    for number in range(1, calls + 1, 1 if SOAK else 3):
        folder = tmp_path / str(number) / "m"

        def vanish(count: int, at: int = number, folder: Path = folder) -> None:
            if count == at:
                for each in (folder, sibling_path(folder, "new")):
                    shutil.rmtree(each, ignore_errors=True)

        with before_each_call(vanish):
            charlm.train(TEXT, plan=SHORT, folder=folder)
        assert outcome(folder) == undisturbed(SHORT), f"vanished before call {number} of {calls}"
        tally.count("faults injected")


def test_memory_that_runs_out_in_the_middle_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state is saved at once, that is told, and the run goes on from there to the same end."""
    rarely, told = replace(PLAN, train=replace(PLAN.train, save_every=1e6)), list[Event]()
    run_out = ending(Learner.backward, 7, torch.OutOfMemoryError("CUDA out of memory"))
    with monkeypatch.context() as patch, pytest.raises(torch.OutOfMemoryError):
        patch.setattr(Learner, "backward", run_out)
        charlm.train(TEXT, plan=rarely, folder=tmp_path / "m", report=told.append)
    assert Stopped(7, 7) in told
    assert Resumed(7, ()) in events_of(tmp_path / "m", rarely)
    assert outcome(tmp_path / "m") == undisturbed(rarely)
    tally.count("faults injected")


@pytest.fixture
def place() -> Iterator[Path]:
    """Yield a folder of an ordinary user, and run as that user meanwhile: root may write everywhere."""
    undisturbed()  # imports what a training imports late, which the ordinary user may not be allowed to read
    with TemporaryDirectory() as name:
        if not hasattr(os, "geteuid"):
            pytest.skip("the rights are those of POSIX")
        user = os.geteuid()
        if user == 0:
            os.chown(name, 65534, -1)
            os.seteuid(65534)
        try:
            yield Path(name)
        finally:
            os.seteuid(user)


@pytest.mark.parametrize("heals", [True, False], ids=["for some steps", "for good"])
def test_a_folder_that_becomes_read_only_is_told_and_what_is_there_stays(
    place: Path, learn: Callable[[Callable[[int], object]], None], heals: bool
) -> None:
    folder = place / "m"
    writable: dict[Path, int] = {}

    def act(number: int) -> None:
        if number == 6:  # there is a first model
            writable.update({path: path.stat().st_mode for path in [folder, *folder.rglob("*")] if path.is_dir()})
            for each in writable:
                each.chmod(0o555)
        if number == 10 and heals:
            give_back()

    def give_back() -> None:
        for each, mode in writable.items():
            if each.exists():
                each.chmod(mode)

    learn(act)
    told: list[Event] = []
    try:
        if heals:
            charlm.train(TEXT, plan=PLAN, folder=folder, report=told.append)
            assert outcome(folder) == undisturbed()
        else:
            with pytest.raises(SaveError, match=r"/m.*Permission denied.*are free") as refused:
                charlm.train(TEXT, plan=PLAN, folder=folder, report=told.append)
            assert "--resume" in sentence(refused.value)
            assert describe(folder)["step"] == 4, "the model of the first validation"
    finally:
        give_back()
    assert any(isinstance(event, NotSaved) and "Permission denied" in event.why for event in told)
    if not heals:
        begin_or_go_on(folder)
        assert outcome(folder) == undisturbed()
    tally.count("faults injected")


@pytest.mark.parametrize("what", ["the place of a new model", "the folder of a run that goes on"])
def test_a_folder_that_cannot_be_written_is_refused_before_the_work(
    place: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Not one step is taken, and nothing is left there; once it may be written all is well."""
    folder = place / "m"
    if "goes on" in what:
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Learner, "apply", ending(Learner.apply, 5))
            begin_or_go_on(folder)
    closed = folder if folder.exists() else place
    there, mode = sorted(closed.rglob("*")), closed.stat().st_mode
    closed.chmod(0o555)
    try:
        with monkeypatch.context() as patch, pytest.raises(SaveError, match=r"Permission denied") as refused:
            patch.setattr(Learner, "apply", ending(Learner.apply, 0))
            begin_or_go_on(folder)
    finally:
        closed.chmod(mode)
    assert str(folder) in str(refused.value) and "--model" in sentence(refused.value)
    assert sorted(closed.rglob("*")) == there
    begin_or_go_on(folder)
    assert outcome(folder) == undisturbed()
    tally.count("faults injected")


def test_a_name_that_is_not_flushed_to_disk_loses_no_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first model is in its place when the flush of that place fails for good: the states went with it."""
    folder = tmp_path / "m"
    whole = model_folder.sync_folder

    def sync(place: Path) -> None:
        if place == tmp_path:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        whole(place)

    def report(event: Event) -> None:
        if isinstance(event, NotSaved):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(model_folder, "sync_folder", sync)
        charlm.train(TEXT, plan=PLAN, folder=folder, report=report)
    assert Resumed(4, ()) in events_of(folder), "the step of the first validation"
    assert outcome(folder) == undisturbed()
    tally.count("faults injected")
