"""What `--model VALUE` means, and which model is meant without it."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import LINES, TINY, Outcome

from charlm.checkpoints import model_paths

Run = Callable[..., Outcome]
READERS = (["score", "the cat"], ["sample", "--length", "3"], ["evaluate", "some.txt"])


@pytest.fixture
def train(run: Run, tmp_path: Path) -> Run:
    """Train a model in two steps; the arguments are those of `charlm train some.txt`."""
    (tmp_path / "some.txt").write_text(LINES)
    return lambda *arguments: run("train", "some.txt", *TINY, "--steps", 2, *arguments)


def latest() -> str:
    return Path("checkpoints/latest").read_text()


@pytest.mark.parametrize("value", ["cats", "my cats", "katzen-ä", "cats.v2"])
def test_a_bare_name_is_a_folder_in_checkpoints(train: Run, value: str) -> None:
    assert train("--model", value).out == f"checkpoints/{value}\n"
    assert Path("checkpoints", value, "model.safetensors").is_file()
    assert latest().strip() == value


@pytest.mark.parametrize("value", ["./cats", "models/deep/cats", "models/.hidden"])
def test_a_value_with_a_separator_is_that_folder(train: Run, run: Run, value: str) -> None:
    assert train("--model", value).code == 0
    assert Path(value, "model.safetensors").is_file()
    assert not Path("checkpoints", value).exists()
    assert run("score", "--model", value, "the cat").code == 0
    assert run("score", "the cat").code == 0, "a model elsewhere is the last trained one as well"


def test_an_absolute_path_is_that_folder(train: Run, tmp_path: Path) -> None:
    assert train("--model", tmp_path / "far" / "cats").out == f"{tmp_path}/far/cats\n"


def test_the_folder_one_is_in_can_be_named(train: Run, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    train("--model", "cats")
    monkeypatch.chdir("checkpoints/cats")
    assert run("score", "--model", "./", "the cat").code == 0


@pytest.mark.parametrize("value", ["", ".", "..", ".hidden", "-cats", "=cats", "latest"])
def test_some_names_are_refused(train: Run, value: str) -> None:
    refused = train(f"--model={value}")
    assert refused.code == 2
    assert repr(value) in refused.err
    assert not Path("checkpoints").exists()


@pytest.mark.parametrize("command", READERS, ids=lambda command: command[0])
def test_the_last_trained_model_is_used_and_named_on_stderr(train: Run, run: Run, command: list[str]) -> None:
    train("--model", "first")
    train("--model", "second")
    Path("checkpoints/first/model.safetensors").touch()
    os.utime("checkpoints/first", (2**31, 2**31))  # file times are never used
    used = run(*command)
    assert used.code == 0
    assert "checkpoints/second" in used.err
    assert "first" not in used.err
    assert "checkpoints" not in used.out


def test_info_names_the_last_trained_model_on_stderr(train: Run, run: Run) -> None:
    train("--model", "cats")
    assert "checkpoints/cats" in run("info").err


def test_a_model_that_was_named_is_used(train: Run, run: Run) -> None:
    train("--model", "first")
    train("--model", "second")
    assert '"model":"checkpoints/first"' in run("info", "--json", "--model", "first").out
    assert '"model":"checkpoints/first"' in run("info", "--json", "-m", "first").out


def test_latest_is_replaced_by_one_rename(train: Run) -> None:
    train("--model", "first")
    with open("checkpoints/latest") as reader:
        train("--model", "second")
        assert reader.read() == "first\n", "whoever has the old file open reads all of it"
    assert latest() == "second\n"
    assert sorted(os.listdir("checkpoints")) == ["first", "latest", "second"]


def test_a_training_that_fails_is_not_the_last_one(train: Run) -> None:
    train("--model", "good")
    assert train("--model", "bad", "--cell", "nope").code == 2
    assert train("--model", "good").code == 2
    assert latest() == "good\n"


@pytest.mark.parametrize("command", [*READERS, ["info"]], ids=lambda command: command[0])
def test_before_the_first_training_one_is_told_to_train(run: Run, tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "some.txt").write_text("a\n")
    told = run(*command)
    assert told.code == 3
    assert told.out == ""
    assert "train one first: charlm train" in told.err
    assert len(told.err.splitlines()) == 1


def test_a_name_that_does_not_exist_gets_the_nearest(train: Run, run: Run) -> None:
    train("--model", "shakespeare")
    missing = run("sample", "--model", "shakespear")
    assert missing.code == 3
    assert "did you mean shakespeare" in missing.err


def test_the_leftovers_of_a_crash_are_not_suggested(train: Run, run: Run) -> None:
    train("--model", "cats")
    shutil.copytree("checkpoints/cats", "checkpoints/.cats.new")
    shutil.rmtree("checkpoints/cats")
    assert ".cats.new" not in run("sample", "--model", "cats").err
    assert model_paths.trained() == []


def test_a_last_model_that_was_deleted_is_missed_by_name(train: Run, run: Run) -> None:
    train("--model", "cats")
    shutil.rmtree("checkpoints/cats")
    missed = run("sample")
    assert missed.code == 3
    assert "checkpoints/cats" in missed.err


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe\x00", b".hidden\n", b"a\0b\n"])
def test_a_damaged_latest_is_a_model_that_is_missing(train: Run, run: Run, content: bytes) -> None:
    train("--model", "cats")
    Path("checkpoints/latest").write_bytes(content)
    told = run("sample")
    assert told.code == 3
    assert "unexpectedly" not in told.err
    assert len(told.err.splitlines()) == 1
