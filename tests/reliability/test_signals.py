"""Real processes that are stopped while they train: what is kept, what is said, and the exit code."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import QUICK, SMALL, STREAM, Outcome

import charlm
from charlm import cli
from charlm.checkpoints.checkpoint import describe

if sys.platform == "win32":
    pytest.skip("signals are those of POSIX", allow_module_level=True)
from forked_trainer import EXIT_CODES, fork


def train(place: Path, nohup: bool) -> None:
    """`charlm train` as the shell starts it, or as the command nohup does: with hang-ups ignored."""
    os.chdir(place)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(name, os.O_CREAT | os.O_WRONLY), number)
    if nohup:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    cli.main(["train", "text", "--plan=plan.json", "--model=m", "--json"])


class Trainer:
    """A process that trains, with a validation every hundred of a million steps."""

    def __init__(self, place: Path, nohup: bool = False, ngram: str = "none") -> None:
        self.place, self.folder = place, place / "checkpoints" / "m"
        shape = replace(SMALL, sequence="stream", dropout=0.0, ngram=ngram)
        plan = charlm.Plan(shape, QUICK, steps=10**6, validations=10**4)
        (place / "plan.json").write_text(json.dumps(plan.to_json()))
        (place / "text").write_text(STREAM)
        self.process = fork(train, place, nohup)

    def said(self, name: str = "err") -> str:
        path = self.place / name
        return path.read_text() if path.exists() else ""

    def pause_with_a_model(self) -> None:
        while "best so far" not in self.said():
            assert self.process.is_alive(), self.said()
            time.sleep(0.05)
        self.send("SIGSTOP")

    def send(self, name: str) -> None:
        assert self.process.pid
        os.kill(self.process.pid, signal.Signals[name])

    def end_by(self, *names: str) -> int | None:
        for name in (*names, "SIGCONT"):
            self.send(name)
        self.process.join()
        return self.process.exitcode


@pytest.fixture(scope="module")
def trainers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Trainer]]:
    """Several, each with a first model, and paused."""
    names = (*EXIT_CODES, "SIGKILL", "nohup")
    found = {name: Trainer(tmp_path_factory.mktemp(name), nohup=name == "nohup") for name in names}
    found["SIGINT with counts"] = Trainer(tmp_path_factory.mktemp("counts"), ngram="6")
    try:
        for trainer in found.values():
            trainer.pause_with_a_model()
        yield found
    finally:
        for trainer in found.values():
            trainer.process.kill()
            trainer.process.join()


@pytest.mark.parametrize("name", [*EXIT_CODES, "SIGINT with counts"])
def test_a_signal_stops_the_training_and_the_best_model_is_kept(trainers: dict[str, Trainer], name: str) -> None:
    trainer = trainers[name]
    signal_name = name.split()[0]
    assert trainer.end_by(signal_name) == EXIT_CODES[signal_name]
    assert trainer.said("out") == ""
    assert (trainer.folder / "counts.safetensors").exists() == ("counts" in name)
    assert "Traceback" not in trainer.said()
    step = f"{describe(trainer.folder)['step']:,}"
    assert f"\nbest       step {step}: valid " in trainer.said() and "\ndone " not in trainer.said()
    assert trainer.said().endswith(f"the best model so far (step {step}) is in checkpoints/m\n")
    assert charlm.load(trainer.folder).score("the word").logprob < 0
    assert sorted(os.listdir(trainer.folder.parent)) == ["latest", "m"]


def test_a_model_is_in_use_until_its_trainer_is_gone_and_whole_all_the_time(
    trainers: dict[str, Trainer], run: Callable[..., Outcome], tmp_path: Path
) -> None:
    trainer = trainers["SIGKILL"]
    (tmp_path / "text").write_text(STREAM)
    another = ["train", "text", "--model", trainer.folder, "--hidden-size=8", "--steps=2", "--overwrite"]
    refused = run(*another)
    assert refused.code == 4
    assert str(trainer.folder) in refused.err and len(refused.err.splitlines()) == 1
    assert run("score", "the word", "--model", trainer.folder).code == 0
    assert trainer.end_by("SIGKILL") == -signal.SIGKILL
    assert run("score", "the word", "--model", trainer.folder).code == 0
    assert run(*another).code == 0
    assert os.listdir(trainer.folder.parent) == ["m"], "its lock went with it"


def test_under_nohup_a_hangup_is_no_reason_to_stop(trainers: dict[str, Trainer]) -> None:
    """It gets SIGHUP and SIGINT; had it answered the first, its exit code would be 129."""
    assert trainers["nohup"].end_by("SIGHUP", "SIGINT") == EXIT_CODES["SIGINT"]
