"""The speed of a step and of a validation, by a clock that the work itself moves."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from conftest import LINES, TINY, Outcome

from charlm.data.windows import Batch
from charlm.errors import ConfigError
from charlm.training import planner, speed
from charlm.training.distributed import ALONE
from charlm.training.planner import TimeBudget

LENGTH = 64  # tokens of a window


class Clock:
    """Time that passes only in `sleep`."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def perf_counter(self) -> float:
        return self.now

    monotonic = perf_counter


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(speed, "time", clock)
    monkeypatch.setattr(planner, "time", clock)
    return clock


def measured(clock: Clock, fixed: float, each: float, budget: float) -> float:
    """The seconds found for a step that takes `fixed` seconds and `each` for each token of its window."""

    def step(batch: Batch, rate: float) -> None:
        assert rate == 0
        clock.sleep(fixed + each * len(batch.inputs))

    ids = torch.zeros(LENGTH, 2, dtype=torch.int32)
    windows: Any = type(
        "Windows", (), {"seq_len": LENGTH, "__getitem__": lambda self, index: Batch(ids, ids, None, False)}
    )()
    learner: Any = SimpleNamespace(step=step)
    return speed.step_seconds(learner, windows, budget, ALONE)


@pytest.mark.parametrize(("fixed", "each"), [(0.001, 0.0001), (0.2, 0.7), (3.0, 0.1), (0.0, 20.0)])
def test_the_seconds_of_a_step_are_found_whether_it_is_short_or_long(clock: Clock, fixed: float, each: float) -> None:
    assert measured(clock, fixed, each, budget=60) == pytest.approx(fixed + each * LENGTH)


def test_a_step_longer_than_the_budget_is_not_made_to_measure_it(clock: Clock) -> None:
    """A step of 45 s: the windows that are measured have 2, 2 and 8 of 64 tokens."""
    assert measured(clock, 0.2, 0.7, budget=12) == pytest.approx(45.0)
    assert clock.now == pytest.approx(3 * 0.2 + 0.7 * (2 + 2 + 8))


def test_a_short_step_is_measured_for_one_part_in_two_hundred_of_the_budget(clock: Clock) -> None:
    measured(clock, 0.01, 0.0, budget=180)
    assert 0.9 <= clock.now < 1.0


def test_a_budget_without_time_for_a_step_says_what_takes_so_long(clock: Clock) -> None:
    """After 2 s, a step of 42 s and a validation of 3 s; 20 steps would need 846 s with what has passed."""
    clock.sleep(2.0)
    with pytest.raises(ConfigError, match=r"^a step takes 42 s; 12 s were asked for") as refused:
        planner._check_time(ALONE, TimeBudget(0.0, 12.0, 42.0, 3.0, 1))
    assert refused.value.fields == {"minutes": 14.1}
    with pytest.raises(ConfigError, match=r"^reading the text and measuring the speed took 30 s; 12 s were asked for"):
        clock.sleep(28.0)
        planner._check_time(ALONE, TimeBudget(0.0, 12.0, 0.1, 0.1, 1))


def test_a_run_may_end_three_seconds_or_a_tenth_late(clock: Clock) -> None:
    planner._check_time(ALONE, TimeBudget(0.0, 12.0, 14.0, 0.5, 1))
    planner._check_time(ALONE, TimeBudget(0.0, 600.0, 650.0, 5.0, 1))
    for seconds, step in ((12.0, 15.0), (600.0, 665.0)):
        with pytest.raises(ConfigError):
            planner._check_time(ALONE, TimeBudget(0.0, seconds, step, 0.5, 1))


def test_a_budget_without_time_for_a_step_is_refused_unless_forced(
    run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first step, with what would fit, and nothing is left behind."""
    monkeypatch.setattr(planner, "step_seconds", lambda *arguments: 42.0)
    monkeypatch.setattr(planner, "validation_seconds", lambda *arguments: 1.0)
    Path("text").write_text(LINES)
    command = ["train", "text", "--minutes=0.2", *TINY]
    refused = run(*command)
    assert (refused.code, refused.out) == (2, "")
    assert re.search(
        r"error: a step takes 42 s; 12 s were asked for; use --minutes 14(\.\d)? or more, .* or --force\n$", refused.err
    )
    assert not Path("checkpoints/text").exists()
    done = run(*command, "--force")
    assert done.code == 0 and "the model has hardly learned anything; give it more time" in done.err
    assert json.loads(run("info", "--json").out)["steps"] < 20
