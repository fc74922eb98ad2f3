"""Local steps: the processes train by themselves, and take the mean of their weights now and then."""

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import QUICK, SMALL, STREAM

import charlm
from charlm.checkpoints.checkpoint import describe
from charlm.training.distributed import Group
from charlm.training.local_steps import LocalSteps

if sys.platform == "win32":
    pytest.skip("the processes are forked", allow_module_level=True)
import process_ranks as ranks

STEPS, EVERY = 48, 8
PLAN = charlm.Plan(
    replace(SMALL, sequence="stream", dropout=0.2), replace(QUICK, steps=STEPS, sync_every=EVERY), STEPS, 3
)


@pytest.mark.parametrize(("loss", "value"), [(float("nan"), 2.0), (1.0, float("inf"))])
def test_what_is_not_finite_is_reported(loss: float, value: float) -> None:
    weight = torch.nn.Parameter(torch.full((2,), value))
    steps = LocalSteps([weight], {}, Group())
    steps.record(loss, 1)
    assert not steps.average()
    assert weight.tolist() == [value, value]


def test_the_mean_counts_a_process_by_its_targets(tmp_path: Path) -> None:
    """3 targets with the weight 0, and 1 target with the weight 4: their mean is 1."""
    ended = ranks.together(2, tmp_path, ranks.mean_of_weights, [(3, 0.0), (1, 4.0)])
    assert ended.codes == [0, 0], ended.err
    assert ended.out == ["[1.0, 1.0]\n"] * 2


def files(folder: Path) -> dict[str, str]:
    """SHA-256 of what a run leaves."""
    names = ("model.safetensors", "config.json", "plan.json", "README.md")
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


@pytest.fixture
def stored(tmp_path: Path) -> list[str]:
    (tmp_path / "text").write_text(STREAM)
    (tmp_path / "plan.json").write_text(json.dumps(PLAN.to_json()))
    return ["train", "text", "--plan=plan.json"]


@pytest.mark.parametrize("size", [1, 2])
def test_a_run_that_was_stopped_is_resumed_byte_for_byte(tmp_path: Path, stored: list[str], size: int) -> None:
    """A signal at step 19 stops it at the next mean, after step 24; it saves no other step."""
    whole = ranks.together(size, tmp_path, ranks.command, *stored, "--model=whole/m", "--save-every=0")
    assert whole.codes == [0] * size, whole.err
    assert "the mean of their weights after 8 steps" in whole.err[0]
    part = [*stored, "--model=part/m", "--save-every=0"]
    stopped = ranks.together(size, tmp_path, ranks.command_with_a_signal, "SIGTERM", size - 1, 19, *part)
    assert stopped.codes == [143] * size, stopped.err
    assert "stopped at step 24;" in stopped.err[0]
    again = ranks.together(size, tmp_path, ranks.command, *part, "--resume")
    assert again.codes == [0] * size, again.err
    assert "resuming at step 24" in again.err[0]
    assert files(tmp_path / "part" / "m") == files(tmp_path / "whole" / "m")
    assert "after every 8 steps" in (tmp_path / "whole" / "m" / "README.md").read_text()


def test_another_number_of_processes_goes_on(tmp_path: Path, stored: list[str]) -> None:
    part = [*stored, "--model=m"]
    assert ranks.together(2, tmp_path, ranks.command_with_a_signal, "SIGTERM", 0, 19, *part).codes == [143] * 2
    ended = ranks.together(3, tmp_path, ranks.command, *part, "--resume")
    assert ended.codes == [0] * 3, ended.err
    assert describe(tmp_path / "checkpoints" / "m")["validation"]["nats_per_token"] < 3


def test_a_loss_that_is_not_a_number_in_one_process_sets_all_back_at_the_next_mean(
    tmp_path: Path, stored: list[str]
) -> None:
    ended = ranks.together(2, tmp_path, ranks.command_with_a_nan, 1, 21, *stored, "--model=m", "--save-every=0")
    assert ended.codes == [0, 0], ended.err
    assert "step 24: the loss or its gradient is not finite; back to step" in ended.err[0]
