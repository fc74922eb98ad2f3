"""The program that type checkers check also runs."""

from pathlib import Path

import typed_program
from conftest import LINES

import charlm


def test_the_typed_program_runs(line_model: charlm.LanguageModel, tmp_path: Path) -> None:
    typed_program.results(line_model)
    assert typed_program.training(LINES, tmp_path / "m").name == "m"
