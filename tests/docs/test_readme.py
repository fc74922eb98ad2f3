"""The README cannot go stale: its commands run, its library example runs, its tree is the folders'."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import LINES, STREAM
from fast_cli import quick_charlm

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines() if line.strip() and not line.startswith("#")]


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the texts the README speaks of."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus.txt").write_text("The cat sat on the mat.\n\n" * 40 + STREAM, encoding="utf-8")
    (tmp_path / "names.txt").write_text(LINES + "emma\nmaria\nbenjamin\n", encoding="utf-8")
    return tmp_path


def quickly(command: str) -> str:
    """The command as the tests run it: training is cut to 20 steps, ten thousand samples to a hundred."""
    command = command.replace("--count 10000", "--count 100")
    return f"{command} --steps 20" if shlex.split(command)[1] == "train" else command


def test_every_command_runs(workshop: Path) -> None:
    assert len(commands()) > 10
    script = "\n".join(["set -ex", *map(quickly, commands())])
    with quick_charlm(workshop) as program:
        there = os.environ | {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run(
            ["sh", "-c", script], capture_output=True, text=True, cwd=workshop, env=there, check=False
        )
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_library_example_runs(workshop: Path) -> None:
    (example,) = blocks("python")
    quick = example.replace("minutes=1", "steps=20")
    assert quick != example
    command = "from charlm.cli import main; main(['train', 'corpus.txt', '--steps', '20', '--quiet'])"
    subprocess.run([sys.executable, "-c", command], check=True, capture_output=True)
    done = subprocess.run([sys.executable, "-c", quick], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Next(id=" in done.stdout


def test_the_commands_of_make_demo_run(workshop: Path) -> None:
    listed = subprocess.run(
        ["make", "--no-print-directory", "-n", "-B", "demo"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    recipe = [line for line in listed.splitlines() if line.startswith(".venv/bin/charlm") and "corpus" not in line]
    assert [shlex.split(line)[1] for line in recipe] == ["train", "sample", "score"]
    (workshop / "demo").mkdir()
    (workshop / "demo/stdlib.txt").write_text("def f(self):\n    return self\n\n" * 200, encoding="utf-8")
    charlm = shlex.join([sys.executable, "-m", "charlm"])
    script = "\n".join(
        ["set -ex", *(quickly(each.replace(" --minutes 2", "")).replace(".venv/bin/charlm", charlm) for each in recipe)]
    )
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, cwd=workshop, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "log-probability" in done.stdout


def test_the_name_of_someone_else_is_never_installed() -> None:
    wrong = re.compile(r"pip install (-U |--upgrade )?charlm(?!-rnn)")
    for path in [*ROOT.glob("*.md"), ROOT / "Makefile", *(ROOT / "charlm").rglob("*.py")]:
        assert not wrong.search(path.read_text(encoding="utf-8")), path
