"""A loss or a gradient that is no number: back to the last good state once, with half the rate, and then the end."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import counters as tally
import pytest
import torch
from reference_run import PLAN, TEXT, begin_or_go_on, outcome, undisturbed

import charlm
from charlm.checkpoints.model_folder import PLAN as PLAN_FILE
from charlm.cli.remedies import sentence
from charlm.files.atomic import write_atomic
from charlm.plan import read_plan
from charlm.training import run_folder
from charlm.training.events import Event, NotSaved, RolledBack

KINDS = ("loss", "gradient")
Spoil = Callable[..., None]


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spoil]:
    """Makes the loss, or only its gradient, of some learned windows no number; they are counted from 1."""
    whole = torch.nn.functional.cross_entropy

    def spoil(kind: str, *windows: int) -> None:
        number = 0

        def cross_entropy(*arguments: Any, **settings: Any) -> torch.Tensor:
            nonlocal number
            loss = whole(*arguments, **settings)
            number += torch.is_grad_enabled()  # not a validation
            if number not in windows or not torch.is_grad_enabled():
                return loss
            tally.count("faults injected")
            if kind == "loss":
                return loss * torch.nan
            loss.register_hook(lambda gradient: gradient * torch.inf)  # type: ignore[no-untyped-call]
            return loss

        monkeypatch.setattr(torch.nn.functional, "cross_entropy", cross_entropy)

    yield spoil
    monkeypatch.undo()


def lose_states_from(step: int, patch: pytest.MonkeyPatch) -> None:
    """The disk takes no states from a step on, so that the last good one lies further back."""
    whole = run_folder.RunFolder.save_state

    def save(self: run_folder.RunFolder, plan: charlm.Plan, state: Any) -> None:
        if state.step >= step:
            raise OSError(28, "No space left on device")
        whole(self, plan, state)

    patch.setattr(run_folder.RunFolder, "save_state", save)


@pytest.mark.parametrize("lost_from", [0, 3, 99], ids=["no state", "an older state", "the state before the step"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", [1, 6, 12])
def test_the_first_time_the_run_goes_back_and_its_plan_repeats_it(
    tmp_path: Path, spoil: Spoil, kind: str, at: int, lost_from: int
) -> None:
    """Byte for byte, without what went wrong: the weights, and the metrics."""
    spoil(kind, at)
    told: list[Event] = []
    with pytest.MonkeyPatch.context() as patch:
        lose_states_from(lost_from, patch)
        charlm.train(TEXT, plan=PLAN, folder=tmp_path / "m", report=told.append)
    (back,) = (event for event in told if isinstance(event, RolledBack))
    to = max(0, min(at, lost_from) - 1)
    assert back == RolledBack(at - 1, to, PLAN.train.learning_rate / 2)
    plan = read_plan(tmp_path / "m" / PLAN_FILE)
    assert plan == PLAN.halve(to)
    assert outcome(tmp_path / "m") == undisturbed(plan)


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_folder_the_run_goes_back_too(spoil: Spoil, kind: str) -> None:
    spoil(kind, 6)
    found = charlm.train(TEXT, plan=PLAN)
    again = charlm.train(TEXT, plan=PLAN.halve(5))
    assert all(torch.equal(*each) for each in zip(found.network.parameters(), again.network.parameters(), strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("windows", [(1, 2), (3, 9), (9, 10)], ids=str)
def test_the_second_time_it_ends_with_step_rate_and_advice(
    tmp_path: Path, spoil: Spoil, kind: str, windows: tuple[int, int]
) -> None:
    """And the model that was best until then is whole; it may be there only after the first validation."""
    spoil(kind, *windows)
    step, rate = windows[1] - 2, PLAN.train.learning_rate  # one step was taken back, and one is not taken
    with pytest.raises(charlm.DivergenceError) as ended:
        charlm.train(TEXT, plan=PLAN, folder=tmp_path / "m")
    assert f"step {step}," in str(ended.value)
    assert f"learning rate of {rate:g}" in str(ended.value)
    assert sentence(ended.value).endswith(f"; try --learning-rate {rate / 4:g}") and "--" not in str(ended.value)
    if step >= 4:
        assert str(tmp_path / "m") in str(ended.value)
        model = charlm.load(tmp_path / "m")
        assert all(torch.isfinite(each).all() for each in model.network.state_dict().values())


def test_a_run_killed_just_after_it_went_back_keeps_the_plan_that_it_follows(tmp_path: Path, spoil: Spoil) -> None:
    """When it goes on nothing goes wrong any more: then it is the run without a fault, and so its plan says."""

    class Killed(BaseException):
        pass

    def report(event: Event) -> None:
        if isinstance(event, RolledBack):
            raise Killed

    spoil("loss", 6)
    with pytest.raises(Killed):
        charlm.train(TEXT, plan=PLAN, folder=tmp_path / "m", report=report)
    begin_or_go_on(tmp_path / "m")
    assert outcome(tmp_path / "m") == undisturbed(read_plan(tmp_path / "m" / PLAN_FILE))


def test_a_plan_that_the_disk_did_not_take_is_written_later(tmp_path: Path, spoil: Spoil) -> None:
    spoil("loss", 6)
    whole, told, failed = write_atomic, list[Event](), 0

    def write(path: Path, data: bytes) -> None:
        nonlocal failed
        if path.name == PLAN_FILE and b'"halved_at": 5' in data and not failed:
            failed = 1
            raise OSError(28, "No space left on device")
        whole(path, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_folder, "write_atomic", write)
        charlm.train(TEXT, plan=PLAN, folder=tmp_path / "m", report=told.append)
    assert failed and any(isinstance(event, NotSaved) for event in told)
    assert read_plan(tmp_path / "m" / PLAN_FILE) == replace(PLAN, halved_at=5)
    assert outcome(tmp_path / "m") == undisturbed(PLAN.halve(5))
