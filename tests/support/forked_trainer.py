"""Commands in processes of their own, forked from one that has imported torch: real ones, and quick to start."""

import multiprocessing
import os
import signal
import sys
import termios
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pexpect
from pexpect.fdpexpect import fdspawn

from charlm import cli

PROCESSES = multiprocessing.get_context("forkserver")
# Whatever a child would import again; what the tests import takes longer than most children.
PROCESSES.set_forkserver_preload(["charlm.training.train", "charlm.cli.view.display", "pexpect.fdpexpect", "pytest"])
EXIT_CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}


def fork(function: Callable[..., None], *arguments: object) -> BaseProcess:
    """A process that does this, and has begun; it ends with this one at the latest."""
    process = PROCESSES.Process(target=function, args=arguments, daemon=True)
    process.start()
    return process


class Done(NamedTuple):
    """What a process did: its exit code and what it wrote."""

    code: int | None
    out: str
    err: str


def result(function: Callable[..., None], *arguments: object, stdin: bytes = b"") -> Done:
    """What comes of a function in a process of its own, with this environment and this stdin."""
    with TemporaryDirectory() as name:
        streams = [Path(name, each) for each in ("stdin", "stdout", "stderr")]
        for each, content in zip(streams, (stdin, b"", b""), strict=True):
            each.write_bytes(content)
        process = fork(_with_streams, dict(os.environ), streams, function, *arguments)
        process.join(60)
        process.kill()
        process.join()
        return Done(process.exitcode, *(each.read_text(encoding="utf-8") for each in streams[1:]))


def _with_streams(environment: dict[str, str], streams: list[Path], function: Callable[..., None], *rest: Any) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for number, path in enumerate(streams):
        os.dup2(os.open(path, os.O_RDWR), number)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # as long as the process
    function(*rest)


def end(process: BaseProcess, *signals: str) -> int | None:
    """The exit code of a process that gets these signals and then has ten seconds; None where they are not enough."""
    for name in signals:
        assert process.pid
        os.kill(process.pid, signal.Signals[name])
    process.join(10)
    code = process.exitcode
    process.kill()
    process.join()
    return code


def command(place: Path, *arguments: object, closed: str = "") -> None:
    """`charlm ARGUMENTS...` in a folder, with stdout and stderr in files of these names; one stream may be `closed`."""
    os.chdir(place)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(name, os.O_CREAT | os.O_WRONLY), number)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if name == closed:  # as Python finds it after `>&-`
            os.close(number)
            setattr(sys, name, None)
    cli.main([str(each) for each in arguments])


def command_at(terminal: str, place: Path, *arguments: object) -> None:
    """`charlm ARGUMENTS...` in a folder, started at a terminal."""
    os.chdir(place)
    os.setsid()
    for number in range(3):  # the first terminal that is opened now is the one whose keys and hang-up count
        os.dup2(os.open(terminal, os.O_RDWR), number)
    sys.stdin = os.fdopen(0, encoding="utf-8")
    sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8") for number in (1, 2))
    del os.environ["COLUMNS"]
    os.environ["TERM"] = "xterm"
    cli.main([str(each) for each in arguments])


class Screen:
    """A terminal, with a person before it."""

    def __init__(self, columns: int) -> None:
        person, self._program = os.openpty()
        termios.tcsetwinsize(self._program, (24, columns))
        self.name = os.ttyname(self._program)
        self.person = fdspawn(person, encoding="utf-8", timeout=60)

    def ctrl_c(self) -> None:
        self.person.send("\x03")

    def rest(self) -> str:
        """What is shown until the program has ended."""
        os.close(self._program)
        self.person.expect(pexpect.EOF)
        self.person.close()
        return str(self.person.before)

    def hang_up(self) -> None:
        os.close(self._program)
        self.person.close()


def repeat(owner: Any, name: str, tell: Callable[[], object], times: int, *, always: bool) -> None:
    """Let a function tell when it begins, and do its work so many times over: the first time, or `always`."""
    work, told = getattr(owner, name), False

    def repeated(*arguments: Any, **settings: Any) -> Any:
        nonlocal told
        if told and not always:
            return work(*arguments, **settings)
        told = True
        tell()
        for _ in range(times):
            found = work(*arguments, **settings)
        return found

    setattr(owner, name, repeated)
