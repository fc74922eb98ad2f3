"""Hints for an argument that was probably meant as something else."""

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


def test_a_file_that_does_not_exist_but_is_a_model_gets_its_option(run: Run) -> None:
    for command in ("evaluate", "report"):
        done = run(command, "poems", "-m", "poems")
        assert (done.code, done.out) == (2, "")
        assert done.err == "error: there is no file poems, but a model; name it with --model poems\n"
