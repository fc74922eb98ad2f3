"""Hints for an argument that was probably meant as something else."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import LINES, Outcome

Run = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def models(run: Run, line_folder: Path, tmp_path: Path) -> None:
    """A file and a model, both called `cats`, and a file `a cat.txt`."""
    shutil.copytree(line_folder, tmp_path / "checkpoints" / "poems")
    (tmp_path / "cats").write_text(LINES)
    (tmp_path / "a cat.txt").write_text(LINES)


@pytest.mark.parametrize(
    ("command", "text", "instead"),
    [
        (["score"], "cats", "--file cats"),
        (["score", "the cat"], "a cat.txt", "--file 'a cat.txt'"),
        (["compare", "poems", "poems"], "cats", "--file cats"),
        (["why"], "cats", "--file cats"),
        (["neurons"], "cats", "--file cats"),
        (["gradients", "--cell", "rnn"], "cats", "--file cats"),
        (["sample", "--length", "1", "--unknown", "skip", "-p"], "cats", "--prompt - < cats"),
        (["tokenizer", "show", "-m", "poems"], "cats", "- < cats"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_text_that_is_the_name_of_a_file_gets_a_hint(run: Run, command: list[str], text: str, instead: str) -> None:
    given = [*command, text, *([] if {"compare", "--cell", "show"} & {*command} else ["-m", "poems"])]
    done = run(*given)
    hint = f"hint: {text} is taken as the text itself; for the file of this name, use {instead}\n"
    assert done.code == 0 and hint in done.err
    assert "hint" not in run(*given, "--quiet").err
    (Path.cwd() / text).unlink()
    assert "hint" not in run(*given).err


@pytest.fixture
def latest(tmp_path: Path) -> None:
    """The model that was trained last, which a command uses unless it names another."""
    (tmp_path / "checkpoints" / "latest").write_text("poems\n")


@pytest.mark.usefixtures("latest")
def test_a_text_that_is_the_name_of_a_model_gets_a_hint(run: Run) -> None:
    for command in (["score"], ["why"], ["neurons"], ["sample", "--length", "1", "--unknown", "skip", "-p"]):
        done = run(*command, "poems")
        hint = "hint: poems is taken as the text itself; for the model of this name, use --model poems\n"
        assert done.code == 0 and hint in done.err
        assert "hint" not in run(*command, "poems", "--model", "poems").err
        assert "hint" not in run(*command, "poems", "--quiet").err


@pytest.mark.usefixtures("latest")
def test_a_file_that_does_not_exist_but_is_a_model_gets_its_option(run: Run) -> None:
    """And nothing before: which model is used does not matter then."""
    for command in ("evaluate", "report"):
        for option in ([], ["-m", "poems"]):
            done = run(command, "poems", *option)
            assert (done.code, done.out) == (2, "")
            assert done.err == "error: there is no file poems, but a model; name it with --model poems\n"


@pytest.mark.usefixtures("latest")
@pytest.mark.parametrize(
    "command",
    [
        ["score", "the cat"],
        ["sample"],
        ["evaluate", "cats"],
        ["info"],
        ["report"],
        ["why", "the cat"],
        ["neurons", "the cat"],
        ["gradients", "the cat"],
        ["embed", "neighbors", "c"],
        ["tokenizer", "show"],
        ["export", "numpy", "-o", "file.py"],
    ],
    ids=" ".join,
)
def test_the_model_that_was_trained_last_is_used_and_named(run: Run, command: list[str]) -> None:
    """On stderr, unless the user named it or wants quiet."""
    line = "model checkpoints/poems"
    done = run(*command)
    assert done.code == 0 and re.search(rf"^{line}\b", done.err, re.MULTILINE)
    if "export" in command:
        command = [*command, "--overwrite"]
    for option in (["--quiet"], ["-m", "poems"]):
        assert line not in run(*command, *option).err


@pytest.mark.usefixtures("latest")
@pytest.mark.parametrize(
    "command",
    [
        ["predict", "emma"],
        ["evaluate", "nosuch"],
        ["evaluate", "--top", "cats"],
        ["report", "nosuch"],
        ["score", "--file", "nosuch"],
        ["score", "--unit", "syllable", "cat"],
        ["score", "--base", "3", "cat"],
        ["why", "--file", "nosuch"],
        ["why", "--source", "cat"],
        ["sample", "--source", "cat"],
        ["neurons", "--file", "nosuch"],
        ["embed", "neighbors", "--side", "left", "cat"],
        ["tokenizer", "show", "--model", "poems", "a", "b"],
    ],
    ids=" ".join,
)
def test_an_error_comes_alone(run: Run, command: list[str]) -> None:
    """Without a line on the model that would have been used."""
    done = run(*command)
    assert done.code and done.err.startswith("error: ") and done.err.count("\n") == 1
