"""A trainer that the system ends, whatever it is doing: its exit code, what it says, and that all is whole afterwards.

So that it is doing that for certain, it tells when it begins, and does the same real work a million times over.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

if sys.platform == "win32":
    pytest.skip("signals are those of POSIX", allow_module_level=True)
import forked_trainer as forked
from conftest import TINY
from forked_trainer import EXIT_CODES, PROCESSES, Screen, end, fork
from reference_run import PLAN, TEXT, begin_or_go_on, outcome, undisturbed

import charlm
from charlm.checkpoints import training_state, write
from charlm.checkpoints.model_folder import unfinished
from charlm.config import TrainConfig
from charlm.data import corpus
from charlm.registry import find
from charlm.tasks.text.dataset import TextDataset
from charlm.tokenizers.char import CharTokenizer
from charlm.training import planner
from charlm.training.learner import Learner
from charlm.training.optimizers import Optimizer

OLD = charlm.Plan(PLAN.model, PLAN.train, steps=1, validations=1)
PLANNED = ("--plan=plan.json",)
BEFORE: dict[str, tuple[Any, str, tuple[str, ...]]] = {
    "reading": (corpus, "document_from_bytes", PLANNED),
    "encoding": (CharTokenizer, "encode", PLANNED),
    "measuring its speed": (planner, "step_seconds", ("--minutes=1", *TINY)),
}
UNDER_WAY: dict[str, tuple[Any, str, tuple[str, ...]]] = {
    "taking a slow step": (Learner, "backward", PLANNED),
    "validating": (TextDataset, "evaluate", PLANNED),
    "saving a state": (training_state, "save", PLANNED),
    "saving a model": (write, "save_weights", PLANNED),
}
SIGNALS = pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])


def train(place: Path, what: str, reached: Any) -> None:
    owner, function, options = (BEFORE | UNDER_WAY)[what]
    forked.repeat(owner, function, reached.set, 10**6, always=False)
    forked.command(place, "train", "text", "--model=./m", "--overwrite", *options)


def validate_at(terminal: str, place: Path) -> None:
    forked.repeat(TextDataset, "evaluate", lambda: os.write(2, b"<begun>"), 10**6, always=False)
    forked.command_at(terminal, place, "train", "text", "--model=./m", "--plan=plan.json")


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that is there before; to be copied."""
    folder = tmp_path_factory.mktemp("old") / "m"
    charlm.train(TEXT, plan=OLD, folder=folder)
    return folder


@pytest.fixture
def place(old: Path, tmp_path: Path) -> Path:
    """A folder with that model, a text and a plan."""
    shutil.copytree(old, tmp_path / "m")
    (tmp_path / "text").write_text(TEXT)
    (tmp_path / "plan.json").write_text(json.dumps(asdict(PLAN)))
    return tmp_path


@SIGNALS
@pytest.mark.parametrize("what", BEFORE)
def test_before_the_first_step_it_ends_and_nothing_has_changed(place: Path, old: Path, what: str, name: str) -> None:
    reached, before = PROCESSES.Event(), sorted(os.listdir(place))
    trainer = fork(train, place, what, reached)
    assert reached.wait(60)
    assert end(trainer, name) == EXIT_CODES[name]
    assert (place / "stderr").read_text() == "stopped; nothing was saved yet\n"
    assert (place / "stdout").read_text() == ""
    assert outcome(place / "m") == outcome(old)
    assert sorted(os.listdir(place)) == sorted([*before, "stderr", "stdout"])


# It sends itself a signal when torch, in the middle of its own import, imports numpy.
IMPORTING = """
import os, signal, sys
from charlm import cli
number = int(sys.argv[1])
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.endswith(".arrayprint"):
            sys.meta_path.remove(self)
            os.kill(os.getpid(), number)
sys.meta_path.insert(0, Finder())
cli.main(sys.argv[2:])
"""


@pytest.mark.parametrize(("command", "name"), [("train", "SIGTERM"), ("score", "SIGINT")])
def test_while_torch_is_imported_it_ends_too(place: Path, command: str, name: str) -> None:
    options = {"train": ["text", "--overwrite", *PLANNED], "score": ["the word"]}[command]
    words = [sys.executable, "-c", IMPORTING, str(int(signal.Signals[name])), command, *options, "--model=./m"]
    done = subprocess.run(words, cwd=place, capture_output=True, encoding="utf-8")
    assert done.returncode == EXIT_CODES[name]
    assert (done.stdout, done.stderr) == ("", "")


@SIGNALS
@pytest.mark.parametrize("what", UNDER_WAY)
def test_under_way_its_state_is_saved_and_it_goes_on_to_the_same_end(place: Path, what: str, name: str) -> None:
    reached = PROCESSES.Event()
    trainer = fork(train, place, what, reached)
    assert reached.wait(60)
    assert end(trainer, name) == EXIT_CODES[name]
    charlm.load(place / "m")
    there = unfinished(place / "m")
    assert there
    saved, damaged = training_state.newest(there)
    assert saved and not damaged
    said = (place / "stderr").read_text()
    assert f"stopped at step {saved.step}; to continue, run the same command with --resume\n" in said
    assert "Traceback" not in said
    assert (place / "stdout").read_text() == ""
    begin_or_go_on(place / "m")
    assert outcome(place / "m") == undisturbed()


def test_a_signal_between_gradient_and_update_waits_for_the_end_of_the_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were the fifth step torn, its half would be saved, and the end another."""
    optimizer = find(Optimizer, TrainConfig.optimizer)
    whole, number = optimizer.step, 0

    def step(self: Optimizer, rate: float) -> None:
        nonlocal number
        number += 1
        if number == 5:
            os.kill(os.getpid(), signal.SIGINT)
        whole(self, rate)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(optimizer, "step", step)
        begin_or_go_on(tmp_path / "m")
    saved, _ = training_state.newest(unfinished(tmp_path / "m") or tmp_path)
    assert saved and saved.step == 5
    begin_or_go_on(tmp_path / "m")
    assert outcome(tmp_path / "m") == undisturbed()


def test_an_update_that_fails_halfway_is_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fifth step has changed weights when memory runs out, and the fourth was not saved."""
    seldom = replace(PLAN, train=replace(PLAN.train, save_every=1e6))
    optimizer = find(Optimizer, TrainConfig.optimizer)
    whole, number = optimizer.step, 0

    def step(self: Optimizer, rate: float) -> None:
        nonlocal number
        number += 1
        whole(self, rate)
        if number == 5:
            raise RuntimeError("not enough memory")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="not enough memory"):
        patch.setattr(optimizer, "step", step)
        begin_or_go_on(tmp_path / "m", plan=seldom)
    begin_or_go_on(tmp_path / "m", plan=seldom)
    assert outcome(tmp_path / "m") == undisturbed(seldom)


def test_a_terminal_that_is_closed_ends_it_though_nothing_can_be_told_any_more(place: Path) -> None:
    """The system sends SIGHUP, and whatever is written from then on is an error."""
    shutil.rmtree(place / "m")
    screen = Screen(80)
    trainer = fork(validate_at, screen.name, place)
    screen.person.expect(re.escape("<begun>"))
    screen.hang_up()
    assert end(trainer) == EXIT_CODES["SIGHUP"]
    assert charlm.load(place / "m").score("the word").logprob < 0
    saved, damaged = training_state.newest(unfinished(place / "m") or place)
    assert saved and saved.step == 4 and not damaged
    begin_or_go_on(place / "m")
    assert outcome(place / "m") == undisturbed()
