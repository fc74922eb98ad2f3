"""A run that is stopped before its first validation: its weights are kept, and every command says or does the same."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import QUICK, SMALL, STREAM, TINY, Outcome
from reference_run import ending, outcome

import charlm
from charlm import kenlm, numpy_loader
from charlm.checkpoints.checkpoint import describe
from charlm.checkpoints.model_folder import sibling_path, unfinished
from charlm.interrupts import Terminated
from charlm.training.learner import Learner

Run = Callable[..., Outcome]
PLAN = charlm.Plan(replace(SMALL, sequence="stream", dropout=0.0), QUICK, steps=40, validations=1)
STOP = 7


def stop(folder: Path, by: BaseException, monkeypatch: pytest.MonkeyPatch, **settings: object) -> None:
    """Train up to `STOP` steps, and end the run in this way."""
    with monkeypatch.context() as patch, pytest.raises(type(by)):
        patch.setattr(Learner, "backward", ending(Learner.backward, STOP, by))
        charlm.train(STREAM, plan=PLAN, folder=folder, **settings)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def terminated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that the system has ended; copy it before you change it."""
    folder = tmp_path_factory.mktemp("terminated") / "m"
    with pytest.MonkeyPatch.context() as patch:
        stop(folder, Terminated(), patch)
    return folder


@pytest.mark.parametrize(
    "command",
    [
        ["sample", "--length=5"],
        ["score", "the word"],
        ["evaluate", "text"],
        ["compare", "MODEL", "kn3", "the word", "the text"],
        ["embed", "neighbors", "e"],
        ["gradients", "text"],
        ["neurons", "text"],
        ["why", "the word"],
        ["report"],
        ["info"],
    ],
    ids=lambda command: command[0],
)
def test_every_command_reads_it(run: Run, tmp_path: Path, terminated: Path, command: list[str]) -> None:
    folder = shutil.copytree(terminated, tmp_path / "m")
    (tmp_path / "text").write_text(STREAM)
    named = [str(folder) if each == "MODEL" else each for each in command]
    done = run(*named, *(["--train", "text"] if "MODEL" in command else ["--model", folder]))
    assert done.code == 0, done.err
    assert "0.0000 nats" not in done.out and "Traceback" not in done.err


def test_the_library_kenlm_and_the_numpy_loader_read_it(terminated: Path) -> None:
    likeliest = charlm.load(terminated).next_token_probabilities("the")[0].probability
    assert kenlm.Model(str(terminated)).score("the word", eos=False) < 0
    logprobs = numpy_loader.Model(terminated).log_probabilities("the")
    assert np.exp(logprobs[3]).max() == pytest.approx(likeliest, rel=1e-4)


def test_info_the_card_and_the_page_say_that_it_was_not_validated(run: Run, terminated: Path) -> None:
    values = json.loads(run("info", "--json", "--model", terminated).out)
    assert (values["step"], values["steps"], values["validation"]) == (STOP, 40, None)
    shown = run("info", "--model", terminated).out
    assert "stopped at 7 of 40" in shown and "not validated" in shown and "--resume" in shown
    assert "repeat" not in shown, "a repeated run would go on to its end"
    card = (terminated / "README.md").read_text(encoding="utf-8")
    assert "This model was not validated" in card and "| 7 of 40 steps" in card and "model-index" not in card
    assert run("report", "--model", terminated, "--output", "page.html").code == 0
    assert "<dt>validation</dt><dd>none</dd>" in Path("page.html").read_text(encoding="utf-8")


def test_it_resumes_to_the_bytes_of_a_run_that_was_not_stopped(terminated: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(terminated, tmp_path / "m")
    charlm.train(STREAM, folder=folder, resume=True)
    charlm.train(STREAM, plan=PLAN, folder=tmp_path / "whole" / "m")
    assert outcome(folder) == outcome(tmp_path / "whole" / "m")
    assert describe(folder)["validation"] is not None


def test_an_earlier_model_stays_until_the_first_validation(
    stream_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(stream_folder, tmp_path / "m")
    before = (folder / "model.safetensors").read_bytes()
    stop(folder, Terminated(), monkeypatch, overwrite=True)
    assert (folder / "model.safetensors").read_bytes() == before
    assert unfinished(folder) == sibling_path(folder, "new")


def test_the_command_says_where_the_model_is_and_how_to_continue(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("text").write_text(STREAM)
    monkeypatch.setattr(Learner, "backward", ending(Learner.backward, STOP, Terminated()))
    done = run("train", "text", *TINY, "--steps=4000")
    assert done.err.splitlines()[-2:] == [
        "stopped at step 7; to continue, run the same command with --resume",
        "the model so far is in checkpoints/text; it was not validated",
    ]
    assert "\ndone " not in done.err
    assert run("sample", "--length=3").code == 0, "it is the latest model"
    monkeypatch.setattr(Learner, "backward", ending(Learner.backward, STOP, Terminated()))
    again = run("train", "text", *TINY, "--steps=4000", "--overwrite")
    assert again.err.splitlines()[-1] == "checkpoints/text has the earlier model until the first validation"


def test_where_there_is_only_a_state_every_reader_names_resume(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after `kill -9`, which leaves the state that was saved last."""
    often = replace(PLAN, train=replace(QUICK, save_every=0.0))
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(Learner, "backward", ending(Learner.backward, STOP, SystemExit()))
        charlm.train(STREAM, plan=often, folder="checkpoints/m")
    assert not Path("checkpoints/m").exists()
    words = "there is no model checkpoints/m, only the state of a run before its first validation"
    for command in (["sample", "-m", "m"], ["sample"], ["info"], ["compare", "m", "kn3", "the word"]):
        done = run(*command)
        assert (done.out, done.err) == (
            "",
            f"error: {words}; if the run was stopped, run its command again with --resume\n",
        )
    assert "stopped at step 7 of 40" in run("info", "-m", "m").out
    for read in (charlm.load, kenlm.Model):
        with pytest.raises(charlm.ModelError, match="only the state of a run before its first validation"):
            read("checkpoints/m")
