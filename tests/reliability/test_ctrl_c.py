"""The keys that stop a training at a terminal: Ctrl-C, the same again before it is answered, and Ctrl-Z."""

import json
import os
import re
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are those of POSIX", allow_module_level=True)
import forked_trainer as forked
import pexpect
from conftest import STREAM, TINY
from forked_trainer import Screen, end, fork
from reference_run import PLAN, TEXT, begin_or_go_on, ending, outcome, undisturbed

import charlm
from charlm.checkpoints import training_state
from charlm.checkpoints.model_folder import unfinished
from charlm.tasks.text.dataset import TextDataset
from charlm.training.learner import Learner

BEGUN = re.escape("<begun>")
WORK: dict[str, tuple[Any, str, str]] = {  # and the option with which the run begins, or goes on
    "validating": (TextDataset, "evaluate", "--plan=plan.json"),
    "saving": (training_state, "save", "--resume"),
}


def train(terminal: str, place: Path, what: str) -> None:
    """As often as it validates, or saves, it does so a million times."""
    owner, function, option = WORK[what]
    forked.repeat(owner, function, lambda: os.write(2, b"<begun>"), 10**6, always=True)
    forked.command_at(terminal, place, "train", "text", "--model=./m", option)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "text").write_text(TEXT)
    (tmp_path / "plan.json").write_text(json.dumps(asdict(PLAN)))
    return tmp_path


@pytest.fixture
def stopped(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place with a run that was stopped after five steps, one of which was followed by a validation."""
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Learner, "backward", ending(Learner.backward, 5))
        begin_or_go_on(place / "m")
    return place


def newest(folder: Path) -> int:
    """The step of the last state; all are whole."""
    there = unfinished(folder)
    assert there
    saved, damaged = training_state.newest(there)
    assert saved and not damaged
    return saved.step


def check_end(place: Path, shown: str) -> None:
    """No more was said than a sentence, the terminal is as it was, and the run goes on to the same end."""
    assert "Traceback" not in shown
    begin_or_go_on(place / "m")
    assert outcome(place / "m") == undisturbed()


def test_the_first_ctrl_c_saves_and_tells_how_to_go_on_and_the_second_stops_now(place: Path) -> None:
    """Both come while the first model is validated; between them the state is saved."""
    screen = Screen(80)
    trainer = fork(train, screen.name, place, "validating")
    screen.person.expect(BEGUN)
    screen.ctrl_c()
    screen.person.expect(BEGUN)
    assert "stopped at step 4; to continue, run the same command with --resume" in screen.person.before
    assert newest(place / "m") == 4
    screen.ctrl_c()
    shown = screen.rest()
    assert end(trainer) == 130
    assert "stopped; to continue, run the same command with --resume" in shown and "\x1b[?25h" in shown
    assert newest(place / "m") == 4
    check_end(place, shown)


def test_a_second_ctrl_c_in_the_middle_of_the_save_leaves_what_was_saved_before(stopped: Path) -> None:
    """The first comes in the middle of another save."""
    screen = Screen(80)
    trainer = fork(train, screen.name, stopped, "saving")
    screen.person.expect(BEGUN)
    screen.ctrl_c()
    screen.person.expect(BEGUN)
    screen.ctrl_c()
    shown = screen.rest()
    assert end(trainer) == 130
    assert "\x1b[?25h" in shown
    charlm.load(stopped / "m")
    assert newest(stopped / "m") in (5, 6)
    check_end(stopped, shown)


def test_after_ctrl_z_and_fg_it_trains_on(tmp_path: Path) -> None:
    (tmp_path / "text").write_text(STREAM)
    command = shlex.join([sys.executable, "-m", "charlm", "train", "text", *TINY, "--steps=1000000"])
    env = {**os.environ, "TERM": "xterm", "PS1": "$ "}
    shell = ["--norc", "--noprofile", "--noediting", "-i"]
    child = pexpect.spawn("bash", shell, cwd=tmp_path, env=env, dimensions=(24, 80), encoding="utf-8", timeout=60)
    progress = r"([\d,]+)/1,000,000 "
    with child:
        child.sendline(command)
        child.expect(progress)
        child.send("\x1a")
        child.expect("Stopped")
        child.expect(r"\$ ")
        child.sendline("fg")
        shown = set()
        while len(shown) < 3:
            child.expect(progress)
            shown.add(child.match[1])
        child.sendintr()
        child.expect("best model so far")
        child.sendline("echo code $?")
        child.expect("code 130")
