"""Output on real pseudo-terminals and pipes."""

import io
import math
import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import pytest
from conftest import LINES, STREAM, TINY, Outcome

import charlm
from charlm.cli import score
from charlm.cli.view import display as live
from charlm.cli.waiting import waiting
from charlm.training import trainer as run_module

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are those of POSIX", allow_module_level=True)
import pexpect
from forked_trainer import Screen, command_at, end, fork

Run = Callable[..., Outcome]
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COMMAND = [sys.executable, "-m", "charlm"]


class Terminal:
    """A pseudo-terminal: files for the program at one end, and everything it showed at the other."""

    def __init__(self) -> None:
        self.person, self._program = os.openpty()
        self._files: list[TextIO] = []
        self._shown = bytearray()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def open(self, mode: str, encoding: str = "utf-8") -> TextIO:
        self._files.append(os.fdopen(os.dup(self._program), mode, encoding=encoding))  # type: ignore[arg-type]
        return self._files[-1]

    def _read(self) -> None:
        while True:
            try:
                self._shown += os.read(self.person, 65536)
            except OSError:  # the program has hung up
                return

    def close(self) -> str:
        """Hang up, and return everything that was shown."""
        for file in self._files:
            file.close()
        if self._reader.is_alive():
            os.close(self._program)
            self._reader.join()
            os.close(self.person)
        return self._shown.decode().replace("\r\n", "\n")


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    opened = Terminal()
    yield opened
    opened.close()


# what is shown while a model trains


REDRAWN = {"TERM": "xterm-256color"}
PLAIN = [{"TERM": "dumb"}, {**REDRAWN, "PYTHONIOENCODING": "ascii"}]
COLORED = re.compile(r"\x1b\[(?:\d+;)*[349]\d[;m]")


def shown_while_training(
    run: Run, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, width: int, settings: dict[str, str]
) -> str:
    Path("text").write_text(STREAM)
    for name, value in {**settings, "COLUMNS": str(width), "LINES": "40"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stderr", terminal.open("w", encoding=settings.get("PYTHONIOENCODING", "utf-8")))
    monkeypatch.setattr(run_module, "_REPORT_EVERY", 0)  # after every step, however fast the machine is
    monkeypatch.setattr(live, "_MOST_DRAWING", math.inf)  # and every event is drawn
    assert run("train", "text", *TINY, "--steps=70").out == "checkpoints/text\n"
    return terminal.close()


@pytest.mark.parametrize("width", [20, 60, 80, 140])
def test_a_live_view_is_drawn_within_the_width(
    run: Run, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    shown = shown_while_training(run, terminal, monkeypatch, width, REDRAWN)
    rows = re.split(r"[\r\n]+", ESCAPE.sub("", shown))
    copied = [row for row in rows if "charlm sample" in row or re.fullmatch(r"\S+/\S+", row.strip())]
    assert max(len(row) for row in rows if row not in copied) <= width, "text to be copied stays in one piece"
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l"), "the cursor is shown again"
    pictures = [row for row in rows if "%" in row]
    assert len(pictures) >= 70, "one for every step"
    if width >= 60:
        assert re.fullmatch(r"━* 100%  70/70  0:00 left", pictures[-1])
        for word in ("train", "valid"):
            curve = [row for row in rows if re.match(rf"{word} +\d+\.\d+ bits/char  [▁▂▃▄▅▆▇█]+$", row)]
            assert curve and len(curve[-1]) <= width
        assert any(re.fullmatch(r"gradient \d\.\d+  learning rate \S+  [\d,]+ char/s", row) for row in rows)
        samples = [rows[place + 1] for place, row in enumerate(rows) if row == "sample at step 70:"]
        assert samples and set(samples[0]) <= set(STREAM)


@pytest.mark.parametrize("settings", [{}, {"NO_COLOR": "1"}], ids=str)
def test_no_color_drops_the_colors_and_keeps_the_live_view(
    run: Run, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    shown = shown_while_training(run, terminal, monkeypatch, 60, {**REDRAWN, **settings})
    assert re.search("━+ 100%  70/70", ESCAPE.sub("", shown))
    assert bool(COLORED.search(shown)) == (settings == {})


@pytest.mark.parametrize("settings", PLAIN, ids=str)
def test_a_terminal_without_redrawing_gets_plain_lines(
    run: Run, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    """There are at most twenty progress lines, with the figures of the live view and without terminal codes."""
    shown = shown_while_training(run, terminal, monkeypatch, 60, settings)
    assert "\x1b" not in shown and "\r" not in shown
    rows = shown.splitlines()
    assert max(len(row) for row in rows if "\\x" not in row) <= 60
    told = [row for row in rows if re.match(r"step [\d]+/70  0:\d\d left  train \d", row)]
    assert 10 <= len(told) <= 20
    assert any(row.startswith("step 70  sample  ") for row in rows)
    assert "gradient" in shown and "char/s" in shown and "next       charlm sample -m text" in shown


@pytest.mark.parametrize("settings", [{}, {"FORCE_COLOR": "1"}], ids=str)
def test_a_pipe_gets_whole_lines_without_codes(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "text").write_text(STREAM)
    err = run("train", "text", *TINY, "--steps=70").err
    assert "\x1b" not in err and "\r" not in err
    assert [line.split()[0] for line in err.splitlines()[:6]] == [
        *("corpus", "sequence", "split", "model", "plan", "window")
    ]
    assert err.splitlines()[-1] == "next       charlm sample -m text"


@pytest.mark.parametrize("command", [["score", "the cat"], ["sample", "--seed=1"], ["evaluate", "text"], ["info"]])
def test_a_narrow_terminal_gets_what_a_pipe_gets(
    run: Run, line_folder: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    """Lines break to 20 columns, but the parts that people copy stay whole."""
    Path("text").write_text(LINES)
    piped = run(*command, "-m", line_folder).out
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setattr("sys.stdout", terminal.open("w"))
    assert run(*command, "-m", line_folder).code == 0
    assert terminal.close().split() == piped.split()


def test_quiet_shows_nothing_at_a_terminal(
    run: Run, tmp_path: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "text").write_text(STREAM)
    monkeypatch.setattr("sys.stderr", terminal.open("w"))
    assert run("train", "text", *TINY, "--steps=5", "--quiet").code == 0
    assert terminal.close() == ""


def test_ctrl_c_before_the_first_validation_keeps_what_there_is(tmp_path: Path) -> None:
    """With a million steps, the first validation is far away; the progress line shows that training has started."""
    (tmp_path / "text").write_text(STREAM)
    screen = Screen(60)
    child = fork(command_at, screen.name, tmp_path, "train", "text", *TINY, "--steps=1000000")
    screen.person.expect(r"train +\d\.\d")
    assert "best so far" not in screen.person.before
    screen.ctrl_c()
    shown = screen.rest()
    assert end(child) == 130
    assert re.search(r"best model so far[^\r\n]* checkpoints/text\b", shown), "in one piece, to be copied"
    assert "\x1b[?25h" in shown
    assert charlm.load(tmp_path / "checkpoints/text").score("the word").logprob < 0


def test_a_sample_appears_as_it_is_drawn_until_ctrl_c(stream_folder: Path, tmp_path: Path) -> None:
    """It is a program of its own, which has to load torch first."""
    env = {**os.environ, "TERM": "xterm"}
    command, *rest = [*COMMAND, "sample", "-m", str(stream_folder), "--length=100000000", "--prompt=In the "]
    child = pexpect.spawn(command, rest, cwd=tmp_path, env=env, dimensions=(24, 60), encoding="utf-8", timeout=60)
    with child:
        child.expect_exact("loading torch ...\r\x1b[K")  # shown while it waits, and erased
        child.expect("In the .{30}")
        child.sendintr()
        child.expect(pexpect.EOF)
    assert child.exitstatus == 130
    assert "Traceback" not in child.before


def test_what_a_command_waits_for_is_for_a_terminal_only(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", terminal.open("w"))
    for kind, quiet in (("xterm", False), ("xterm", True), ("dumb", False)):
        monkeypatch.setenv("TERM", kind)
        with waiting(f"{kind} {quiet}", quiet=quiet):
            pass
    assert terminal.close() == "xterm False ...\r\x1b[K"
    pipe = io.StringIO()
    monkeypatch.setattr("sys.stderr", pipe)
    with waiting("a pipe", quiet=False):
        pass
    assert pipe.getvalue() == ""


# what is shown while many texts are scored


@pytest.mark.parametrize("source", ["a file", "a pipe", "a file by name"])
def test_a_bar_counts_the_texts_and_leaves_nothing_behind(
    run: Run, terminal: Terminal, line_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str
) -> None:
    lines = b"the cat ran\n" * 50
    monkeypatch.setattr(score, "_AT_ONCE", 10)
    monkeypatch.setenv("TERM", "xterm")
    (tmp_path / "lines").write_bytes(lines)
    with open(tmp_path / "lines", encoding="utf-8") as file:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines)) if source == "a pipe" else file)
        monkeypatch.setattr("sys.stderr", terminal.open("w"))
        named = ["--file", "lines"] * (source == "a file by name")
        assert run("score", "--json", "-m", line_folder, *named).out.count("\n") == 50
    shown = terminal.close()
    assert "50 texts" in shown
    assert shown.rstrip().endswith("\x1b[2K"), "the line of the bar is cleared"


@pytest.mark.parametrize(
    "command", [["compare", "MODEL", "MODEL"], ["evaluate", "--dynamic", "-m", "MODEL"]], ids=["two models", "adapting"]
)
def test_a_bar_counts_the_tokens_of_what_takes_long(
    run: Run, terminal: Terminal, line_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: list[str]
) -> None:
    (tmp_path / "lines").write_text("the cat ran\n" * 50)
    files = ["--file"] * (command[0] == "compare")
    arguments = [str(line_folder) if each == "MODEL" else each for each in command]
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", terminal.open("w"))
    assert "bits per character" in run(*arguments, *files, "lines").out
    shown = terminal.close()
    assert "600 tokens" in shown, "of each of 50 lines the letters and the end"
    assert shown.rstrip().endswith("\x1b[2K"), "the line of the bar is cleared"


def test_a_bar_shows_that_an_ngram_is_counted(
    run: Run, terminal: Terminal, line_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "lines").write_text("the cat ran\n" * 50)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", terminal.open("w"))
    assert run("compare", str(line_folder), "kn3", "--train", "lines", "the cat ran").code == 0
    shown = terminal.close()
    assert "counting for kn3" in shown
    assert f"{50 * 12:,} tokens" in shown, "the lines with their ends"


# what a sample may not do


@pytest.mark.parametrize("command", ["sample", "score"])
def test_control_characters_are_escaped_on_a_terminal_and_kept_in_a_pipe(
    run: Run, tmp_path: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Escape codes, a bell, a carriage return, and the 8-bit form of an escape code, which some terminals obey."""
    text = "\x1b[31mred\x07\r\x9b2J"
    (tmp_path / "text").write_text(f"{text}\n" * 200, newline="")
    assert run("train", "text", *TINY, "--steps=2", "--sequence=stream").code == 0
    given = ["score", text, "--json"] if command == "score" else ["sample", "--prompt", text, "--length=30"]
    piped = run(*given).out
    monkeypatch.setattr("sys.stdout", terminal.open("w"))
    assert run(*given).code == 0
    shown = terminal.close()
    assert not {"\x1b", "\x07", "\r", "\x9b"} & set(shown)
    if command == "sample":
        assert piped.startswith(text)
        assert shown.startswith(r"\x1b[31mred\x07\x0d\x9b2J")


def test_what_a_terminal_cannot_show_is_escaped(
    run: Run, line_folder: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", terminal.open("w", encoding="ascii"))
    assert run("score", "-m", line_folder, "a 漢 é").code == 0
    assert r"\u6f22 \xe9" in terminal.close()


def test_json_is_utf8_in_an_ascii_world(
    run: Run, line_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, open(tmp_path / name, "w", encoding="ascii"))  # noqa: SIM115
    assert run("score", "--json", "-m", line_folder, "a 漢 é").code == 0
    for stream in (sys.stdout, sys.stderr):
        stream.close()
    assert '"text":"a 漢 é"' in (tmp_path / "stdout").read_text(encoding="utf-8")
    assert r"\u6f22" in (tmp_path / "stderr").read_text(encoding="ascii")


def test_a_message_of_an_ascii_world_is_escaped(line_folder: Path, tmp_path: Path) -> None:
    world = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [*COMMAND, "evaluate", "漢.txt", "-m", line_folder], env=world, cwd=tmp_path, capture_output=True
    )
    assert done.returncode == 2
    assert done.stderr.isascii() and rb"\u6f22.txt" in done.stderr


# where text comes from


@pytest.mark.parametrize("command", ["score", "evaluate", "train"])
def test_without_a_text_a_terminal_is_not_waited_for(
    run: Run, line_folder: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr("sys.stdin", terminal.open("r"))
    refused = run(command, "-m", line_folder if command != "train" else "new")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.strip()


@pytest.mark.parametrize("arguments", [["score", "-"], ["evaluate", "-"], ["sample", "--length=2", "--prompt=-"]])
def test_a_dash_lets_a_person_type(
    run: Run, stream_folder: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setattr("sys.stdin", terminal.open("r"))
    os.write(terminal.person, b"the word\n\x04")  # Ctrl-D
    done = run(*arguments, "--json", "-m", stream_folder)
    assert done.code == 0, done.err
    assert done.out.count("\n") == 1


# readers that have had enough


def test_a_sample_may_be_cut_off_by_head(line_folder: Path, tmp_path: Path) -> None:
    sample = shlex.join([*COMMAND, "sample", "--count=2000", "-m", str(line_folder)])
    shell = ["bash", "-c", f"{sample} | head -c 5 && exit ${{PIPESTATUS[0]}}"]
    done = subprocess.run(shell, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert done.returncode == 0
    assert len(done.stdout) == 5
    assert len(done.stderr.splitlines()) == 1 and "seed" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        *[["--help"], ["--version"], ["info"], ["score", "a"], ["evaluate", "text"], ["sample"], ["train", "text"]],
        *[["train", "--help"], ["score", "--json", "a"], ["sample", "--json"], ["train", "text", "--json"]],
    ],
    ids=" ".join,
)
def test_a_reader_that_is_gone_is_no_failure(
    run: Run, line_folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    Path("text").write_text(LINES)
    reading, writing = os.pipe()
    os.close(reading)
    model = [] if arguments[-1] in ("--help", "--version") else ["-m", str(line_folder)]
    if arguments[0] == "train":
        model = ["-m", "new", "--steps=2", *TINY]
    with os.fdopen(writing, "w") as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        done = run(*arguments, *model)
        assert done.code == 0
        assert "rror" not in done.err
    assert arguments[0] != "train" or arguments[-1] == "--help" or charlm.load("checkpoints/new").line


def test_charlms_own_signs_are_ascii_in_an_ascii_world(
    run: Run, line_folder: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sign in a text that is quoted is escaped instead, so that it cannot be taken for another."""
    monkeypatch.setattr("sys.stdout", terminal.open("w", encoding="ascii"))
    monkeypatch.setattr("sys.stderr", terminal.open("w", encoding="ascii"))
    assert run("info", "-m", line_folder).code == 0
    assert run("score", "-m", line_folder, "a × b").code == 0
    assert run("train", "--quite × 3").code == 2
    shown = terminal.close()
    assert re.search(r"^cell +1 x gru, 16 wide$", shown, re.MULTILINE)
    assert "'a \\xd7 b'" in shown and "\\u2013" not in shown
