"""The choices of a forecaster: densities, scales, metrics, and formats of files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import charlm
from charlm.cli import app
from charlm.tasks.numbers.evaluation import SeriesEvaluation

BAKERY = Path(__file__).parents[2] / "corpora" / "bakery.csv"
SMALL = {"hidden_size": 8, "threads": 1}


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize(
    ("settings", "density"),
    [({"density": "gaussian"}, "gaussian"), ({"scale": "mean"}, "student"), ({"scale": "none"}, "student")],
)
def test_densities_and_scales_learn_a_season(tmp_path: Path, settings: dict[str, Any], density: str) -> None:
    values = [10 + 3 * (step % 4) for step in range(80)]
    (tmp_path / "a.csv").write_text("ds,y\n" + "".join(f"{step},{value}\n" for step, value in enumerate(values, 1)))
    model = charlm.train(tmp_path / "a.csv", task="series", season=4, horizon=8, steps=30, **SMALL, **settings)
    assert isinstance(model, charlm.Forecaster)
    assert model.config.density == density and model.config.scale == settings.get("scale", "standard")
    location, scale = {"mean": (0, 14.5), "none": (0, 1)}.get(settings.get("scale", ""), (14.5, np.std(values)))
    assert (*model.pasts[0].location, *model.pasts[0].scale) == pytest.approx((location, scale))
    (answer,) = model.predict(horizon=4, levels=(50, 95))
    assert answer.forecast.values == pytest.approx([10, 13, 16, 19], abs=1)
    (low, high), (lowest, highest) = answer.forecast.intervals[50.0], answer.forecast.intervals[95.0]
    assert (lowest <= low).all() and (low < high).all() and (high <= highest).all()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("wide.csv", "id,1,2,3,4,5,6,7,8,9,10,11,12\na,1,2,1,2,1,2,1,2,1,2,1,2\nb,5,7,5,7,5,7,5,7,5,7,,\n"),
        (
            "series.jsonl",
            '{"unique_id": "a", "target": [1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2]}\n'
            '{"unique_id": "b", "target": [5, 7, 5, 7, 5, 7, 5, 7, 5, 7]}\n',
        ),
    ],
)
def test_wide_files_and_json_lines_have_series_of_several_lengths(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    model = charlm.train(tmp_path / name, task="series", season=2, steps=3, folder=tmp_path / "m", **SMALL)  # type: ignore[arg-type]
    assert isinstance(model, charlm.Forecaster) and [past.name for past in model.pasts] == ["a", "b"]
    rows = run("predict", "-m", str(tmp_path / "m"), "--horizon", "2", "-q").stdout.splitlines()
    assert [row.split(",")[:2] for row in rows[1:]] == [["a", "13"], ["a", "14"], ["b", "11"], ["b", "12"]]
    again = run("predict", "-m", str(tmp_path / "m"), "--horizon", "2", "--file", str(tmp_path / name), "-q")
    assert [row.split(",")[:2] for row in again.stdout.splitlines()] == [row.split(",")[:2] for row in rows]
    measured = run("evaluate", str(tmp_path / name), "-m", str(tmp_path / "m"), "--with-history", "--json", "-q")
    assert json.loads(measured.stdout)["examples"] == 2


@pytest.mark.parametrize("metric", ["mase", "smape", "rmse", "mae", "nats"])
def test_the_best_network_is_chosen_by_the_metric(metric: str) -> None:
    figures = {"mase": 1.0, "smape": 2.0, "rmse": 3.0, "mae": 4.0, "nats": 5.0}
    evaluation = SeriesEvaluation(series=1, values=1, naive=1.0, seasonal_naive=1.0, metric=metric, **figures)
    assert evaluation.objective == (figures[metric], 5.0)
    model = charlm.train(BAKERY, steps=2, metric=metric, **SMALL)  # type: ignore[arg-type]
    assert model.config.metric == metric
