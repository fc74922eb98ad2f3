"""A model of pairs whose sources are classes with many targets each."""

import json
from pathlib import Path
from typing import Any

import pytest

import charlm
from charlm.training.events import Previewed, Validated

SHAPE: dict[str, Any] = {"task": "pair", "hidden_size": 8, "layers": 1, "threads": 1, "dropout": 0.0}
LINES = [f"{kind}\t{start}{end}\n" for kind, end in (("north", "on"), ("south", "li")) for start in "abcdefghij"]


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("places.tsv").write_text("".join([*LINES, "north\tbon\n" * 3, "south\tcli\n" * 3]))
    return tmp_path


def test_the_naive_answer_is_the_most_frequent_target_of_the_class(run: Any, places: Path) -> None:
    Path("test.tsv").write_text("north\tbon\nnorth\tzon\nsouth\tzli\nwest\tcli\n")
    model = charlm.train("places.tsv", valid="test.tsv", steps=2, folder="checkpoints/m", **SHAPE)
    assert isinstance(model, charlm.Translator) and model.facts.frequent == {"north": "bon", "south": "cli"}
    values = json.loads(run("evaluate", "test.tsv", "-m", "m", "--json").out)
    assert values["naive"]["exact_match"] == pytest.approx(1 / 3)  # north alone; nothing is known of west
    assert "most frequent" in run("evaluate", "test.tsv", "-m", "m").out


def test_the_previews_have_a_target_of_each_class(places: Path) -> None:
    shown: list[tuple[str, ...]] = []

    def report(event: Any) -> None:
        if isinstance(event, Validated | Previewed) and event.previews:
            shown.append(event.previews)

    charlm.train("places.tsv", steps=2, report=report, **SHAPE)
    assert [each.split(":")[0] for each in shown[-1]] == ["north", "south"]
    assert not any("truth" in each for each in shown[-1])


@pytest.mark.parametrize("with_empty", [False, True])
def test_no_drawn_target_is_empty_unless_the_data_has_empty_ones(places: Path, with_empty: bool) -> None:
    if with_empty:
        Path("places.tsv").write_text("".join([*LINES, "north\t\n" * 10, "south\t\n" * 10]))
    model = charlm.train("places.tsv", steps=1, **SHAPE)
    assert isinstance(model, charlm.Translator)
    drawn = model.sample("north", count=200, seed=1, temperature=3.0)
    assert ("" in drawn) is with_empty
