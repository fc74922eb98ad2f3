"""Series in several files: a separate held-out part, files with one column each, and the surprisal of each value."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_tasks

import charlm
from charlm.checkpoints.checkpoint import describe
from charlm.errors import CorpusError
from charlm.examples import Series
from charlm.examples.reading import read_examples

SMALL: dict[str, Any] = {"task": "series", "hidden_size": 8, "threads": 1}


def table(path: Path, first: int, count: int, name: str = "y", level: float = 0) -> Path:
    """Write a season of four steps with a little noise, from a step on."""
    noise = np.random.default_rng(first).normal(scale=0.1, size=count)
    rows = [f"{step},{level + step % 4 + noise[step - first]:.3f}\n" for step in range(first, first + count)]
    path.write_text(f"t,{name}\n{''.join(rows)}")
    return path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    table(Path("train.csv"), 1, 40)
    table(Path("valid.csv"), 41, 6)
    return tmp_path


def test_a_separate_file_is_held_out(run: Any, here: Path) -> None:
    """The whole training file is learned, and forecasts go on from its end, so `evaluate` prints the same figure."""
    done = run("train", "train.csv", "--valid", "valid.csv", "--steps", "20", "--season", "4", "-m", "m",
               "--hidden-size", "8", "--threads", "1")  # fmt: skip
    assert done.code == 0, done.err
    assert "the next 6 values of each series held out: a separate file" in done.err
    described = describe(Path("checkpoints/m"))
    assert described["config"]["horizon"] == 6 and described["corpus"]["held_out"] == ["valid.csv"]
    values = json.loads(run("evaluate", "valid.csv", "-m", "m", "--json").out)
    assert values["mase"] == pytest.approx(described["validation"]["mase"], abs=1e-3)
    assert values["nats"] == pytest.approx(described["validation"]["nats_per_value"], abs=1e-3)
    rows = run("predict", "-m", "m", "--horizon", "2").out.splitlines()
    assert [row.split(",")[1] for row in rows[1:]] == ["41", "42"]
    charlm.train("train.csv", valid="valid.csv", steps=30, folder="checkpoints/m", resume=True)
    with pytest.raises(CorpusError, match="the held-out values are not those that m was validated on"):
        charlm.train("train.csv", steps=40, folder="checkpoints/m", resume=True)


def test_the_held_out_file_changes_no_scale(here: Path) -> None:
    Path("far.csv").write_text("t,y\n41,900\n42,-900\n43,900\n44,-900\n45,900\n46,-900\n")
    pasts = []
    for name in ("valid.csv", "far.csv"):
        model = charlm.train("train.csv", valid=name, steps=1, **SMALL)
        assert isinstance(model, charlm.Forecaster)
        pasts.append(model.pasts[0])
    assert pasts[0].scale == pytest.approx(pasts[1].scale) and pasts[0].location == pytest.approx(pasts[1].location)
    assert pasts[0].error == pytest.approx(pasts[1].error)


@pytest.mark.parametrize(
    ("text", "settings", "problem"),
    [
        ("t,y\n40,1\n41,2\n", {}, "has the series 'y' at '40', where the training part ends; give the values after it"),
        ("t,y\n41,1\n42,2\n", {"horizon": 3}, "has 2 values to validate on, fewer than a horizon of 3"),
        ("unique_id,ds,y\na,41,1\n", {"horizon": 1, "value_column": None}, "two series"),
    ],
)
def test_a_held_out_file_that_does_not_fit_is_named(
    here: Path, text: str, settings: dict[str, Any], problem: str
) -> None:
    Path("other.csv").write_text(text)
    train: Any = "train.csv"
    if problem == "two series":
        train, problem = "long.csv", "has the series 'b', and the held-out part does not"
        rows = "".join(f"{name},{step},{step}\n" for name in "ab" for step in range(1, 21))
        Path("long.csv").write_text(f"unique_id,ds,y\n{rows}")
    with pytest.raises(CorpusError, match=problem):
        charlm.train(train, valid="other.csv", steps=1, **SMALL, **settings)


def test_files_with_one_column_of_one_name_are_series_by_their_names(here: Path) -> None:
    """Two files of one name keep the name of the column, and are refused."""
    table(Path("north.csv"), 1, 40)
    table(Path("south.csv"), 1, 40, level=5)
    model = charlm.train(["north.csv", "south.csv"], steps=5, horizon=4, season=4, **SMALL)
    assert isinstance(model, charlm.Forecaster)
    assert [answer.name for answer in model.predict()] == ["north", "south"]
    assert [each.name for each in read_series("north.csv")] == ["y"]
    table(Path("other.csv"), 1, 40, name="z")
    assert [each.name for each in read_series("north.csv", "south.csv")] == ["north", "south"]
    Path("more").mkdir()
    table(Path("more/north.csv"), 41, 40)
    with pytest.raises(CorpusError, match="has the series 'y', as"):
        charlm.train(["north.csv", "more/north.csv"], steps=1, **SMALL)


def read_series(*names: str) -> list[Series]:
    return [each for each in read_examples(names, "series").items if isinstance(each, Series)]


def test_a_strange_value_has_a_high_surprisal(run: Any, here: Path) -> None:
    """The values go on from the end of training, or are a series of their own."""
    charlm.train("train.csv", steps=60, season=4, horizon=4, learning_rate=0.02, folder="checkpoints/m", **SMALL)
    lines = Path("valid.csv").read_text().splitlines()
    lines[4] = "44,9"  # 0 is expected
    Path("new.csv").write_text("\n".join(lines))
    done = run("score", "-m", "m", "--file", "new.csv")
    header, *rows = (line.split(",") for line in done.out.splitlines())
    assert header == ["unique_id", "ds", "y", "expected", "surprisal"] and len(rows) == 6
    surprisals = [float(row[4]) for row in rows]
    assert surprisals.index(max(surprisals)) == 3 and surprisals[3] > max(surprisals[:3]) + 3
    assert float(rows[3][3]) == pytest.approx(0, abs=0.5)
    assert "compare it with that of other values" in done.err
    whole = [json.loads(line) for line in run("score", "-m", "m", "--file", "train.csv", "--json").out.splitlines()]
    assert len(whole) == 40 and whole[0]["expected"] is whole[0]["surprisal"] is None
    model = charlm.load("m")
    assert isinstance(model, charlm.Forecaster)
    (score,) = model.score(read_series("new.csv"))
    bits = model.nats(model.pasts[0], read_series("new.csv")[0].values) / math.log(2)
    assert score.surprisals == pytest.approx(bits, abs=1e-3)


def test_a_tagger_and_a_classifier_score_no_files(run: Any, here: Path) -> None:
    for task in ("tag", "classify"):
        file = small_tasks.write(task, here).name
        charlm.train(file, steps=1, folder=f"checkpoints/{task}", **small_tasks.settings_of(task))
        refused = run("score", "-m", task, "--file", file)
        assert refused.code == 3 and "which cannot do this; use charlm predict" in refused.err


def test_intervals_cover_the_share_that_they_claim(here: Path) -> None:
    """Values are a season with Gaussian noise, so 80 % of them fall into intervals of 80 %."""
    table(Path("long.csv"), 1, 600)
    table(Path("after.csv"), 601, 200)
    model = charlm.train("long.csv", steps=800, season=4, horizon=20, learning_rate=0.01, seq_len=32, **SMALL)
    assert isinstance(model, charlm.Forecaster)
    (past, truth, _) = model.matched(read_series("after.csv"), with_history=False)[0]
    for level in (50.0, 80.0, 95.0):
        low, high = model.answered(past, 200, (level,)).intervals[level]
        assert np.mean((low <= truth) & (truth <= high)) == pytest.approx(level / 100, abs=0.12)
