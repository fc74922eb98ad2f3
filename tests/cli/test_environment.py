"""What the system gives a process: its folder, its streams, its variables, the bytes of its arguments."""

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import LINES, TINY, Outcome

from charlm.checkpoints import listing, model_paths
from charlm.cli import shortage
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


def test_what_cannot_be_read_in_a_folder_is_left_out_and_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The administrator, who runs some tests, may read everything."""
    for name in ("locked", "open"):
        (tmp_path / "texts" / name).mkdir(parents=True)
        (tmp_path / "texts" / name / "text.txt").write_text(LINES)
    (tmp_path / "texts" / "secret.txt").write_text(LINES)
    scan, opened = os.scandir, Path.open

    def scandir(path: Any) -> Any:
        if str(path).endswith("locked"):
            raise PermissionError(13, os.strerror(13), str(path))
        return scan(path)

    def open_file(path: Path, *arguments: Any, **settings: Any) -> Any:
        if path.name == "secret.txt":
            raise PermissionError(13, os.strerror(13), str(path))
        return opened(path, *arguments, **settings)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(Path, "open", open_file)
    trained = run("train", "texts", "--steps=2", *TINY)
    notes = [line.removeprefix("note").strip() for line in trained.err.splitlines() if line.startswith("note")]
    assert notes[:2] == [
        "left out: texts/locked cannot be read: Permission denied",
        "left out: texts/secret.txt cannot be read: Permission denied",
    ]
    refused = run("train", "texts/locked")
    assert (refused.code, refused.err) == (1, "error: texts/locked cannot be read: Permission denied\n")


def test_a_model_that_may_not_be_looked_at_is_named(
    run: Run, line_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Path.stat

    def refuse(path: Path, **settings: Any) -> os.stat_result:
        if "checkpoints" in path.parts:
            raise PermissionError(13, os.strerror(13), str(path))
        return look(path, **settings)

    monkeypatch.setattr(Path, "stat", refuse)
    for command in (["info", "m"], ["score", "-m", "m", "a"]):
        assert run(*command) == Outcome(3, "", "error: checkpoints/m cannot be read: Permission denied\n")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), "not enough memory; to train, try a smaller --hidden-size, --batch-size or --seq-len"),
        (
            ImportError("libtorch_cpu.so: failed to map segment from shared object"),
            "not enough memory; to train, try a smaller --hidden-size, --batch-size or --seq-len",
        ),
        (
            RuntimeError("can't start new thread"),
            "the system allows no more threads (ulimit -u); end other programs, or raise the limit",
        ),
        (ImportError("no libtorch.so"), "a library cannot be loaded (no libtorch.so); install charlm again"),
    ],
)
def test_what_a_process_lacks_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str
) -> None:
    def fail(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(listing, "summaries", fail)
    assert run("list") == Outcome(1, "", f"error: {sentence}\n")


def test_a_limit_of_the_memory_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda number: (600_000_000, resource.RLIM_INFINITY))
    assert shortage.sentence(MemoryError()).startswith(
        "not enough memory: this process may use 600 MB (ulimit -v); to train, try a smaller --hidden-size"
    )


def test_a_limit_of_the_size_of_files_is_named(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text").write_text(LINES)

    def flush(descriptor: int) -> None:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))

    monkeypatch.setattr(os, "fsync", flush)
    refused = run("train", "text", "--steps=2", *TINY)
    assert refused.code == 1
    assert refused.err.splitlines()[-1].endswith(
        "config.json: File too large; raise the limit on the size of a file (ulimit -f); choose another place with"
        " --model"
    )


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
