"""Streams that are closed, full or have another encoding: a command does what it can, and reports the rest."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("shells are those of POSIX", allow_module_level=True)
import forked_trainer as forked
import pexpect
from conftest import LINES, TINY, Outcome
from forked_trainer import end, fork

import charlm

Run = Callable[..., Outcome]
COMMANDS = {
    "train": ["train", "text", "--model=./new", *TINY, "--steps=2"],
    "evaluate": ["evaluate", "text"],
    "score": ["score", "the cat", "--json"],
    "sample": ["sample", "--length=5", "--seed=1", "--count=2"],
    "info": ["info"],
}


def command(name: str, model: Path) -> list[str]:
    return [*COMMANDS[name], *([] if name == "train" else [f"--model={model}"])]


@pytest.mark.parametrize("closed", ["stdin", "stdout", "stderr"])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_stream_that_is_closed_from_the_start_stops_nothing(
    run: Run, line_folder: Path, tmp_path: Path, name: str, closed: str
) -> None:
    """The other streams get the usual output, and no message for a closed stderr appears on stdout."""
    (tmp_path / "text").write_text(LINES)
    process = fork(partial(forked.command, closed=closed), tmp_path, *command(name, line_folder))
    assert end(process) == 0
    out, err = ((tmp_path / stream).read_text() for stream in ("stdout", "stderr"))
    if name == "train":
        assert charlm.load(tmp_path / "new").line
    expected = run(*command(name, line_folder), *(["--overwrite"] if name == "train" else []))
    assert out == ("" if closed == "stdout" else expected.out)
    assert "rror" not in err and bool(err) == (bool(expected.err) and closed != "stderr")


def test_a_shell_may_close_all_of_them(tmp_path: Path) -> None:
    (tmp_path / "text").write_text(LINES)
    shell = ["sh", "-c", '"$@" <&- >&- 2>&-', "sh", sys.executable, "-m", "charlm", *COMMANDS["train"]]
    done = subprocess.run(shell, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert charlm.load(tmp_path / "new").line
    assert sorted(os.listdir(tmp_path)) == ["checkpoints", "new", "text"]


def test_a_command_does_not_wait_for_a_closed_stdin(line_folder: Path, tmp_path: Path) -> None:
    assert end(fork(partial(forked.command, closed="stdin"), tmp_path, "score", "--model", line_folder)) == 1
    assert (tmp_path / "stdout").read_text() == ""
    assert (tmp_path / "stderr").read_text() == "error: stdin is closed, so no text can be read from it\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_result_that_the_disk_does_not_take_is_a_sentence(line_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "stdout").symlink_to("/dev/full")
    assert end(fork(forked.command, tmp_path, "score", "the cat", "--model", line_folder, "--quiet")) == 1
    assert (tmp_path / "stderr").read_text() == "error: stdout cannot be written: No space left on device\n"


def test_training_goes_on_when_nobody_listens_any_more(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after `charlm train text 2>&1 | head -1`."""
    (tmp_path / "text").write_text(LINES)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stderr:
        monkeypatch.setattr("sys.stderr", stderr)
        assert run(*COMMANDS["train"]) == Outcome(0, "new\n", "")
    assert charlm.load(tmp_path / "new").line


# an ASCII world

ALPHABET = "\N{GRINNING FACE}\N{WATERMELON}é\n"
ASCII = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
# Three commands in one process, which spends most of its time on importing torch.
PROGRAM = """
import sys
from charlm import cli
for command in (
    ["train", "\\U0001f600.txt", "--steps=20", "--hidden-size=8", "--layers=1", "--threads=1"],
    ["sample", "--prompt=\\U0001f600", "--seed=1", "--length=30"],
    ["score", "\\U0001f349é", "--json"],
    ["info"],
):
    try:
        cli.main(command)
    except SystemExit as ended:
        assert ended.code == 0, command
"""


@pytest.fixture
def emoji(tmp_path: Path) -> Path:
    (tmp_path / "\N{GRINNING FACE}.txt").write_text(ALPHABET * 200, encoding="utf-8")
    return tmp_path


def test_in_an_ascii_world_a_pipe_gets_utf_8_and_the_talk_is_escaped(emoji: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=emoji, env={**os.environ, **ASCII}, capture_output=True)
    assert done.returncode == 0, done.stderr
    path, sample, *rest = done.stdout.decode("utf-8").splitlines()
    assert path == "checkpoints/\N{GRINNING FACE}" and sample.startswith("\N{GRINNING FACE}")
    assert [json.loads(line)["text"] for line in rest if line.startswith("{")] == ["\N{WATERMELON}é"]
    assert done.stderr.isascii() and rb"\U0001f600" in done.stderr


def test_in_an_ascii_world_a_terminal_gets_codes(emoji: Path) -> None:
    child = pexpect.spawn(
        sys.executable, ["-c", PROGRAM], cwd=emoji, env={**os.environ, **ASCII}, encoding="utf-8", timeout=60
    )
    with child:
        child.expect(pexpect.EOF)
    assert child.exitstatus == 0, child.before
    assert child.before.isascii()
    assert r"checkpoints/\U0001f600" in child.before and r'"text":"\U0001f349\xe9"' in child.before
