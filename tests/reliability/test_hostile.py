"""Model folders made to do harm, signed with true checksums: every command refuses them, and nothing else happens."""

import contextlib
import io
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import counters as tally
import pytest
from conftest import LINES, Outcome
from hostile_models import FIRST, FOR_INFO, HOSTILE
from memory_limit import limit_memory
from soak import SOAK

from charlm import cli

Run = Callable[..., Outcome]
COMMANDS = (["info"], ["score", "the cat"], ["sample", "--length=5"], ["evaluate", "text"])

# Every event that runs what a file says, starts a program or reaches the network ends the process at once.
FORBIDDEN = ("pickle.", "socket.", "subprocess.", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.fork")


def answer(*arguments: str) -> tuple[object, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
        cli.main([*arguments])
    return ended.value.code, out.getvalue(), err.getvalue()


def judge(event: str, arguments: object) -> None:
    if event.startswith(FORBIDDEN):
        print(json.dumps([event]), flush=True)
        os._exit(99)


def ask(place: Path, good: Path, folders: list[Path]) -> None:
    """Print what the commands answer to each folder, in a process that may take 256 MiB and must not run anything."""
    os.chdir(place)
    for command in COMMANDS:
        assert answer(*command, "--model", str(good))[0] == 0, command
    sys.addaudithook(judge)
    limit_memory(2**28)
    info, *others = COMMANDS
    for number, folder in enumerate(folders):
        asked = [info, *(others if SOAK else [others[number % len(others)]])]
        print(json.dumps([answer(*command, "--model", str(folder)) for command in asked]), flush=True)


@pytest.fixture(scope="module")
def answers(line_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[int, str, str]]]:
    """What each command answers to each folder."""
    from forked_trainer import result

    place = tmp_path_factory.mktemp("hostile")
    (place / "text").write_text(LINES)
    kinds = HOSTILE | FOR_INFO
    for number, (_, change) in enumerate(kinds.values()):
        (place / "models").mkdir(exist_ok=True)
        change(shutil.copytree(line_folder, place / "models" / str(number)))
    folders = [place / "models" / str(number) for number in range(len(kinds))]
    done = result(ask, place, line_folder, folders)
    assert (done.code, done.err) == (0, ""), done.out[-300:]
    assert sorted(os.listdir(place)) == ["elsewhere", "models", "text"], "nothing was written"
    return dict(zip(kinds, map(json.loads, done.out.splitlines()), strict=True))


linux = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux to limit and measure memory")


def check_refusal(answer: tuple[int, str, str], name: str) -> None:
    code, out, err = answer
    assert (code, out) == (3, ""), err[-300:]
    (line,) = err.splitlines()
    assert line.isprintable()
    assert line.startswith("error: ") and name in line and len(line) < 1000
    tally.count("bad files tried")


@linux
@pytest.mark.parametrize("kind", HOSTILE)
def test_every_command_refuses_it_in_one_sentence(answers: dict[str, Any], kind: str) -> None:
    for answer in answers[kind]:
        check_refusal(answer, HOSTILE[kind][0])


@linux
@pytest.mark.parametrize(
    ("kind", "named"),
    {
        "a missing tensor": "'predictable'",
        "a renamed tensor": f"'bias', '{FIRST}'",
        "an extra tensor without data": "'x'",
        "a turned shape": "readout.weight is torch.float32 (16, 17)",
        "integers in place of weights": f"{FIRST} is torch.int32",
        "a NaN": "not finite",
    }.items(),
)
def test_the_tensor_that_is_wrong_is_named(answers: dict[str, Any], kind: str, named: str) -> None:
    for _, _, err in answers[kind]:
        assert named in err


@linux
@pytest.mark.parametrize("kind", FOR_INFO)
def test_info_refuses_what_it_alone_reads(answers: dict[str, Any], kind: str) -> None:
    check_refusal(answers[kind][0], FOR_INFO[kind][0])


def test_the_list_has_a_row_for_each(run: Run, line_folder: Path) -> None:
    """A hostile folder has a reason in place of figures, unless the list does not read what is wrong with it."""
    kinds = HOSTILE | FOR_INFO
    for number, (_, change) in enumerate(kinds.values()):
        Path("checkpoints").mkdir(exist_ok=True)
        change(shutil.copytree(line_folder, Path("checkpoints") / f"m{number}"))
    done = run("list", "--json")
    assert (done.code, done.err) == (0, "")
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert len(rows) == len(kinds) and sum(row["problem"] is not None for row in rows) > len(kinds) / 3
    shown = run("list").out.splitlines()
    assert len(shown) == len(rows) + 1 and all(map(str.isprintable, shown))
