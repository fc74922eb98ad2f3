"""Every page has a title and a heading with the name of the model, escaped."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Outcome

Run = Callable[..., Outcome]


@pytest.mark.parametrize(
    ("command", "heading"),
    [
        (["score", "the cat", "a dog", "--format=html"], "Surprisal of 2 texts by the model R&amp;D"),
        (["embed", "map"], "The tokens of the model R&amp;D"),
        (["report"], "R&amp;D"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_page_has_a_title_and_a_heading(run: Run, line_folder: Path, command: list[str], heading: str) -> None:
    shutil.copytree(line_folder, "checkpoints/R&D")
    assert run(*command, "-m", "R&D", "-o", "page.html").code == 0
    page = Path("page.html").read_text()
    name = " ".join(each for each in command[:2] if each.isalpha())
    assert re.findall("<title>(.*)</title>\n<style>", page) == [f"R&amp;D: charlm {name}"]
    assert re.findall("<h1>(.*)</h1>", page) == [heading]
