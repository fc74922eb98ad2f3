"""Every line of docs/guide/python.md runs, and prints what the page shows, unless the page says that it may differ."""

import doctest
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "python.md"
VARIES = "yours will differ"
NAMES = [
    "emma",
    "ava",
    "eva",
    "maria",
    "bob",
    "jack",
    "quinn",
    "xavier",
    "zoe",
    "felix",
    "wyatt",
    "lucy",
    "hugo",
    "david",
    "georgia",
    "kim",
    "pat",
    "stella",
    "river",
]
# In place of a minute, in which a network learns more than bigrams know.
SHORT = 'steps=60, hidden_size=16, layers=1, learning_rate=0.02, ngram="2"'


def examples() -> list[doctest.Example]:
    """The examples of the page, as the tests run them."""
    session = "\n".join(re.findall(r"```pycon\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL))
    parsed = doctest.DocTestParser().get_examples(session, PAGE.name)
    for example in parsed:
        example.source = example.source.replace("minutes=1", SHORT)
        if VARIES in example.source:
            example.want, example.options = "...\n", {doctest.ELLIPSIS: True}
    return parsed


def test_every_line_of_the_page_runs_and_prints_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.txt").write_text("\n".join(NAMES * 20) + "\n", encoding="utf-8")
    shown: list[str] = []
    run = doctest.DocTestRunner().run(
        doctest.DocTest(examples(), {}, PAGE.name, str(PAGE), None, None), out=shown.append, clear_globs=False
    )
    assert not run.failed, "".join(shown)
    assert run.attempted > 50


def test_little_depends_on_the_processor() -> None:
    checked = [example for example in examples() if example.want]
    assert sum(VARIES in example.source for example in checked) < len(checked) / 3
    assert {letter for name in NAMES for letter in name} == set("abcdefghijklmnopqrstuvwxyz")
