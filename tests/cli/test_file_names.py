"""Names of corpora that are unusual: a model gets the name of its corpus, and every command finds it."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import LINES, TINY, Outcome

import charlm
from charlm import cli

NAMES = {
    "bytes that are not UTF-8": os.fsdecode(b"caf\xe9"),
    "a newline": "new\nline",
    "spaces": " two  words ",
    "quotes": 'o\'clock "now"',
    "an emoji": "\N{PARTY POPPER}",
    "an accent in two code points": "cafe\u0301",
    "a bracket": "[bold]red",
}


@pytest.fixture
def done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., bytes]:
    """Run a command, which must succeed, and return the bytes of its result."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> bytes:
        out, err = io.BytesIO(), io.StringIO()
        monkeypatch.setattr("sys.stdout", io.TextIOWrapper(out))
        monkeypatch.setattr("sys.stderr", err)
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        assert not ended.value.code, (arguments, err.getvalue())
        return out.getvalue()

    return run


def test_a_missing_file_with_a_newline_in_its_name_is_refused(run: Callable[..., Outcome], tmp_path: Path) -> None:
    """It is not taken as a text, wherever a command names a file."""
    (tmp_path / "lines.txt").write_text(LINES)
    for command in ("train", "search"):
        for files in (["new\nline"], ["lines.txt", "--valid", "new\nline"]):
            done = run(command, *files, "--steps=2", "-q")
            assert (done.code, done.err) == (2, "error: there is no file new\nline\n")


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_model_of_a_text_with_this_name_is_used_by_every_command(done: Callable[..., bytes], name: str) -> None:
    try:
        Path(f"{name}.txt").write_text(LINES)
    except OSError:
        pytest.skip("the file system has no such name")
    assert done("train", f"{name}.txt", *TINY, "--steps=2") == os.fsencode(f"checkpoints/{name}\n")
    assert Path("checkpoints", name).is_dir()
    for command in (["sample"], ["list"], ["score", "the cat"], ["evaluate", "--held-out"], ["report"], ["info", name]):
        assert done(*command)
    assert json.loads(done("info", "--json"))["corpus"]["files"] == [f"{name}.txt"]
    assert charlm.load().name == name
    done("train", f"{name}.txt", *TINY, "--steps=2", "--resume")
