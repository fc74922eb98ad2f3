"""A new sampler, score format, adaptation or cell is one new file: the command line needs no other edit."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import TINY
from fast_cli import quick_charlm

import charlm

SAMPLER = '''
"""Keep the n least likely tokens."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from charlm.generation.samplers import Sampler


@dataclass(frozen=True)
class Least(Sampler):
    """Number of tokens to keep."""

    order = 45
    least_likely: int = field(metadata={"help": "Sample only from the N least likely tokens.", "metavar": "N"})

    def __call__(self, logits: Tensor, history: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        possible = logits.masked_fill(logits == -torch.inf, torch.inf)
        kept = possible.topk(self.least_likely, dim=-1, largest=False).indices
        return torch.full_like(logits, -torch.inf).scatter(-1, kept, 0.0), state
'''
FORMAT = '''
"""The number of tokens of each text."""

from dataclasses import dataclass, field

from charlm.cli.formats import ScoreWriter
from charlm.cli.output import write
from charlm.scoring.score import Score


@dataclass
class Lengths(ScoreWriter):
    """One line per text."""

    order = 15
    label: str = field(default="tokens", metadata={"help": "Word after each number."})

    def add(self, score: Score) -> None:
        write(f"{len(score.tokens)} {self.label}\\n")
'''
ADAPTATION = '''
"""Learn nothing."""

from torch import Tensor

from charlm.nn.network import Network
from charlm.scoring.adaptation import Adaptation


class Stubborn(Adaptation):
    """Predictions that stay as they are."""

    flag = "Change nothing."
    words = "nothing"
    segment = 5

    def __init__(self, network: Network) -> None:
        pass

    def learn(self, logprobs: Tensor, outputs: Tensor, targets: Tensor) -> None:
        pass
'''


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of charlm with four new files, and nothing else changed."""
    copy = tmp_path_factory.mktemp("extended") / "charlm"
    shutil.copytree(Path(charlm.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    cell = (copy / "nn/cells/rnn.py").read_text(encoding="utf-8").replace("class RNN", "class Elman")
    new = {
        "generation/samplers/least_likely.py": SAMPLER,
        "cli/formats/lengths.py": FORMAT,
        "scoring/adaptation/stubborn.py": ADAPTATION,
        "nn/cells/elman.py": cell,
    }
    for path, text in new.items():
        assert not (copy / path).exists()
        (copy / path).write_text(text.lstrip(), encoding="utf-8")
    return copy


@pytest.fixture(scope="module")
def program(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The command line of the copy, which starts at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(package.parent))
        with quick_charlm(tmp_path_factory.mktemp("program")) as path:
            yield path


def run_copy(program: Path, *arguments: object) -> str:
    """Run a command of the copy; returns its stdout."""
    command = [program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=program.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_new_sampler_has_an_option_and_changes_the_sample(program: Path, line_folder: Path) -> None:
    shown = " ".join(run_copy(program, "sample", "--help").split())
    assert "--least-likely N Sample only from the N least likely tokens." in shown
    assert shown.index("--top-k") < shown.index("--least-likely") < shown.index("--top-p"), "its order is declared"
    options = ("sample", "-m", line_folder, "--seed", 1, "--length", 20, "--json")
    plain = charlm.load(line_folder).sample(seed=1, length=20)[0]
    changed = json.loads(run_copy(program, *options, "--least-likely", 1))
    assert changed["text"] != plain.text and changed["logprob"] < plain.logprob
    assert changed["seed"] == plain.seed == 1


def test_a_new_format_and_a_new_adaptation_have_options_and_are_used(program: Path, line_folder: Path) -> None:
    shown = " ".join(run_copy(program, "score", "--help").split())
    assert "table, lengths, summary, json" in shown and "--label LABEL Word after each number. [tokens]" in shown
    assert "--stubborn Change nothing." in shown
    texts = ("the cat", "a dog ran")
    tokens = [len(score.tokens) for score in charlm.load(line_folder).score_many(texts)]
    written = run_copy(program, "score", "-m", line_folder, "--format", "lengths", "--stubborn", *texts)
    assert written == "".join(f"{count} tokens\n" for count in tokens)
    assert run_copy(program, "score", "-m", line_folder, "--label", "symbols", texts[0]) == f"{tokens[0]} symbols\n"


def test_a_new_cell_is_trained(program: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("the cat ran\na dog sat\n" * 40)
    assert "elman" in run_copy(program, "train", "--help")
    run_copy(
        program, "train", tmp_path / "text", "--cell", "elman", "--steps", 1, *TINY, "-m", tmp_path / "model", "-q"
    )
    assert json.loads((tmp_path / "model" / "config.json").read_text())["model"]["cell"] == "elman"
    assert run_copy(program, "sample", "-m", tmp_path / "model", "--seed", 1, "--length", 5, "-q")


TWO = """
from pathlib import Path
from charlm.registry import declarations, find
from charlm.nn.cells import Cell
path = Path("charlm/nn/cells/two.py")
for text, ask in (
    ("", lambda: find(Cell, "two")),
    ("class A(int): pass\\nclass B(int): pass\\n", lambda: declarations("nn.cells")),
):
    path.write_text(text)
    try:
        ask()
    except Exception as error:
        print(error)
"""


def test_a_file_without_one_class_is_refused_in_a_sentence(package: Path) -> None:
    try:
        done = subprocess.run([sys.executable, "-c", TWO], cwd=package.parent, capture_output=True, encoding="utf-8")
    finally:
        (package / "nn/cells/two.py").unlink()
    assert done.stderr == ""
    for error, listed in zip(done.stdout.splitlines(), ("it has none", "it has A, B"), strict=True):
        assert "two.py must define one public class that implements" in error and error.endswith(listed)
