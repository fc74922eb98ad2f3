"""What the system gives a process: its folder, its streams, its variables, the bytes of its arguments."""

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import LINES, TINY, Outcome

from charlm.checkpoints import model_paths
from charlm.wording import shell_command, shell_word

Run = Callable[..., Outcome]
NOT_UTF_8 = os.fsdecode(b"\xe9")


def test_a_folder_that_was_deleted_is_named_before_the_work(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch's libraries would end the process."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    try:
        (tmp_path / "gone").rmdir()
    except OSError:
        pytest.skip("the system keeps a folder that is in use")
    for command in (["list"], ["sample"], ["train", str(tmp_path / "text")]):
        refused = run(*command)
        assert (refused.code, refused.out) == (2, "")
        assert refused.err == (
            "error: the current folder cannot be used: No such file or directory; change to a folder that exists\n"
        )
    monkeypatch.chdir(tmp_path)


def test_a_model_elsewhere_is_kept_if_the_current_folder_cannot_be_written(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "text").write_text(LINES)

    def refuse(value: str) -> None:
        raise PermissionError(13, os.strerror(13), "checkpoints")

    monkeypatch.setattr(model_paths, "set_latest", refuse)
    trained = run("train", "text", "--model=./elsewhere", "--steps=2", "--quiet", *TINY)
    assert (trained.code, trained.out) == (0, "elsewhere\n")
    assert " ".join(trained.err.split()) == (
        "elsewhere is not marked as the model that was trained last: checkpoints: Permission denied; name it with"
        " --model"
    )


@pytest.mark.parametrize(
    ("option", "wanted"),
    [("--steps", "a whole number"), ("--minutes", "a number"), ("--hidden-size", "a whole number")],
)
def test_a_number_whose_bytes_are_not_utf_8_is_refused_like_any_other(run: Run, option: str, wanted: str) -> None:
    refused = run("train", "text", option, NOT_UTF_8)
    assert (refused.code, refused.err) == (2, f"error: {option} is '\\udce9'; it must be {wanted}\n")


def test_the_variable_of_the_completion_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_CHARLM_COMPLETE", "complete_bash")
    monkeypatch.delenv("COMP_WORDS", raising=False)
    assert run("list") == Outcome(1, "", "error: _CHARLM_COMPLETE is for the completion of a shell; unset it\n")


def test_a_stdin_that_cannot_be_read_is_named(run: Run, line_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `0>file`, where the shell opens it for writing."""

    class Refusing(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: object) -> int:
            raise OSError(9, os.strerror(9))

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(Refusing())))
    for command in (["score", "-"], ["evaluate"], ["train", "-"]):
        refused = run(*command, *([] if command[0] == "train" else [f"--model={line_folder}"]))
        assert (refused.code, refused.out, refused.err) == (
            1,
            "",
            "error: stdin cannot be read: Bad file descriptor\n",
        ), command


def test_a_word_of_a_command_can_be_typed_whatever_its_bytes() -> None:
    assert shell_word("two words") == "'two words'"
    assert shell_word(f"caf{NOT_UTF_8}'s \\") == r"$'caf\xe9\'s \\'"
    assert shell_command(["charlm", "train", f"{NOT_UTF_8}.txt"]) == r"charlm train $'\xe9.txt'"
