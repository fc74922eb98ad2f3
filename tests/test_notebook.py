"""What a notebook shows: scores as heat maps, samples, evaluations, and a bar while a model is trained."""

import re
from typing import Any

import pytest
from conftest import LINES

import charlm
from charlm.training.notebook import in_notebook

CELLS = [
    "import charlm",
    f"model = charlm.train({LINES!r}, steps=6, hidden_size=8, layers=1, threads=1, progress=True)",
    "model.score('the cat <b>☃')",
    "model.sample('the', length=3, seed=0)[0]",
    "model.evaluate('the cat ran\\n')",
]


@pytest.fixture(scope="module")
def outputs() -> list[list[dict[str, Any]]]:
    """The outputs of CELLS, each in its own cell of a notebook that is executed."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in CELLS])
    nbclient.NotebookClient(notebook, timeout=120).execute()
    return [cell.outputs for cell in notebook.cells]


def html(outputs: list[dict[str, Any]]) -> str:
    (output,) = outputs
    shown: str = output["data"]["text/html"]
    assert "<script" not in shown and "<style" not in shown and "://" not in shown
    return shown


def text(shown: str) -> str:
    return re.sub("<[^>]*>", "", shown)


def test_training_shows_one_bar_and_writes_nothing(outputs: list[list[dict[str, Any]]]) -> None:
    shown = html(outputs[1])
    assert '<progress value="1.0000" max="1"' in shown
    assert "done: 6 steps" in shown and "valid" in shown


def test_a_score_is_a_heat_map(outputs: list[list[dict[str, Any]]]) -> None:
    shown = html(outputs[2])
    assert text(shown).startswith("the cat &lt;b&gt;☃&lt;EOS&gt;")
    assert shown.count("unknown to the model") == 4 and 'title="' in shown  # < > b ☃
    assert "in steps of 1 bit" in shown and "unknown characters" in shown


def test_a_sample_and_an_evaluation_are_shown(outputs: list[list[dict[str, Any]]]) -> None:
    assert text(html(outputs[3])).startswith("the") and "seed 0" in html(outputs[3])
    assert "<tr><th" in html(outputs[4]) and text(html(outputs[4])).startswith("perplexity")


def test_each_token_has_the_color_of_its_level(bigram_model: charlm.LanguageModel) -> None:
    """Each token has one bit: level 1 of the scale."""
    shown = bigram_model.score("ab")._repr_html_()
    mark = 'style="background: #123570; color: #ffffff; border-bottom: 1px solid #d00" title="50.0000%, 1.00 bits"'
    assert shown.count(mark) == 3
    assert bigram_model.score("", eos=False)._repr_html_().startswith("<div")


def test_outside_a_notebook_lines_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert not in_notebook()
    charlm.train(LINES, steps=2, hidden_size=8, layers=1, threads=1, progress=True)
    assert "plan: 2 steps" in capsys.readouterr().err
