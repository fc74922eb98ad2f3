"""The lessons cannot go stale: every page is in the list, and its commands run."""

import re
import sys
from pathlib import Path

from fast_cli import quick_charlm

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))

import lessons  # noqa: E402


def test_every_page_is_in_the_list_and_short_and_shows_what_its_commands_print() -> None:
    pages = list(lessons.pages())
    assert {page.name for page in pages} | {"README.md"} == {path.name for path in lessons.LESSONS.glob("*.md")}
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert 10 <= len(text.splitlines()) <= 40, page.name
        outputs = re.findall(r"```text\n(.*?)```", text, flags=re.DOTALL)
        assert outputs and all(outputs), page.name
        assert len(outputs) == text.count("```sh\n"), page.name


def test_every_command_of_the_lessons_runs_and_prints_something(tmp_path: Path) -> None:
    """In their order, as each page may use the models of those before it; trainings take 20 steps."""
    with quick_charlm(tmp_path) as program:
        for page in lessons.pages():
            text = lessons.remade(page.read_text(encoding="utf-8"), tmp_path, program, quickly=True)
            assert "```text\n```" not in text, page.name
