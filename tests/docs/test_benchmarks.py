"""The benchmarks take too long to run here, but they import what exists, and their README names them."""

import runpy
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
SCRIPTS = sorted(FOLDER.glob("*.py"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_benchmark_imports_what_exists(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if path.stem == "kenlm_scoring":
        pytest.importorskip("kenlm")
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])
    runpy.run_path(str(path), run_name="imported")


def test_the_readme_names_every_benchmark() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    modules = {"curves.py", "timing.py"}  # of the others
    assert [path.name for path in SCRIPTS if path.name not in modules and f"`{path.name}`" not in text] == []
