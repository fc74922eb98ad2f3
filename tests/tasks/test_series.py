"""A forecaster: it learns series of numbers, and continues them with intervals."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import charlm
from charlm.checkpoints.checkpoint import describe
from charlm.cli import app
from charlm.cli.remedies import sentence
from charlm.errors import CharlmError
from charlm.examples import Columns, Series
from charlm.examples.reading import read_examples
from charlm.examples.times import continued
from charlm.tasks.numbers.batches import WindowBatches
from charlm.tasks.numbers.past import find_season, past_of

BAKERY = Path(__file__).parents[2] / "corpora" / "bakery.csv"
SMALL = {"hidden_size": 8, "threads": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A forecaster of a bakery's sales; to be left as it is."""
    made = tmp_path_factory.mktemp("models") / "bakery"
    charlm.train(BAKERY, steps=150, hidden_size=32, threads=1, folder=made)
    return made


@pytest.fixture(scope="module")
def forecaster(folder: Path) -> charlm.Forecaster:
    model = charlm.load(folder)
    assert isinstance(model, charlm.Forecaster)
    return model


@pytest.fixture(scope="module")
def bakery() -> list[Series]:
    return [each for each in read_examples(BAKERY, "series").items if isinstance(each, Series)]


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def test_it_learns_the_bakery_better_than_the_last_season_alone(folder: Path) -> None:
    described = describe(folder)
    figures = described["validation"]
    assert figures["seasonal_naive_mase"] == pytest.approx(1.680, abs=0.001) and figures["mase"] < 1.3
    assert described["config"]["season"] == 24 and described["config"]["horizon"] == 48
    assert described["series"] == 5


def test_the_scale_of_mase_comes_from_the_values_before_those_that_are_held_out(tmp_path: Path) -> None:
    """The values change by 1, and the last four, which are held out, by 10."""
    values = [n % 2 for n in range(20)] + [10, 0, 10, 0]
    (tmp_path / "y.csv").write_text("t,y\n" + "".join(f"{t},{y}\n" for t, y in enumerate(values, 1)))
    charlm.train(tmp_path / "y.csv", task="series", horizon=4, season=1, steps=1, folder=tmp_path / "m", **SMALL)
    held_out = describe(tmp_path / "m")["validation"]
    assert held_out["naive_mase"] == pytest.approx((9 + 1 + 9 + 1) / 4)  # of the last value, 1
    done = run("evaluate", str(tmp_path / "y.csv"), "-m", str(tmp_path / "m"), "--with-history", "--json")
    values_of_command = json.loads(done.stdout)
    assert values_of_command["naive"]["mase"] == pytest.approx(5)
    assert values_of_command["mase"] == pytest.approx(held_out["mase"], abs=1e-4)


def test_the_season_is_found_in_the_values_and_noise_has_none() -> None:
    steps = np.arange(300)
    noise = np.random.default_rng(0).normal(size=300)
    assert find_season([np.sin(2 * np.pi * steps / 12) + 0.1 * noise]) == 12
    assert find_season([noise.cumsum()]) == 1 and find_season([np.ones(50)]) == 1


def test_the_scale_comes_from_the_training_part_alone() -> None:
    values = np.r_[np.arange(20.0), np.full(5, 1e6)]
    past = past_of("a", values, np.zeros((25, 0)), [], 5, "standard", 1)
    assert past.location == pytest.approx([9.5]) and past.scale == pytest.approx([np.arange(20).std()])


def test_a_linear_network_of_three_units_learns_the_sum_of_three(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=600).round(3)
    y = x + np.r_[0, x[:-1]] + np.r_[0, 0, x[:-2]]
    rows = (f"{step},{one:.3f},{other:.3f}\n" for step, (one, other) in enumerate(zip(x, y, strict=True), 1))
    (tmp_path / "sum.csv").write_text("t,x,y\n" + "".join(rows))
    model = charlm.train(
        tmp_path / "sum.csv", task="series", value_column="y", cell="rnn", activation="identity", hidden_size=3,
        steps=800, threads=1,
    )  # fmt: skip
    assert isinstance(model, charlm.Forecaster)
    series = read_examples(tmp_path / "sum.csv", "series", Columns(time="t", value="y")).items[0]
    assert isinstance(series, Series)
    (answer,) = model.predict([series])
    errors = (answer.forecast.values - y)[-60:]  # the held-out steps
    assert (errors**2).mean() < 1e-4


def test_a_jordan_network_feeds_its_own_number_back() -> None:
    model = charlm.train(BAKERY, steps=2, cell="jordan", **SMALL)  # type: ignore[arg-type]
    assert isinstance(model, charlm.Forecaster) and np.isfinite(model.predict(horizon=3)[0].forecast.values).all()


def test_every_series_is_continued_from_its_end(forecaster: charlm.Forecaster) -> None:
    answers = forecaster.predict(horizon=3, levels=(80, 95))
    assert [each.name for each in answers] == ["corner", "harbor", "market", "mill", "station"]
    assert answers[0].times == ("2024-02-26 00:00:00", "2024-02-26 01:00:00", "2024-02-26 02:00:00")
    for each in answers:
        (low, high), (lowest, highest) = each.forecast.intervals[80.0], each.forecast.intervals[95.0]
        assert (lowest <= low).all() and (low <= each.forecast.values).all()
        assert (each.forecast.values <= high).all() and (high <= highest).all()


def test_a_forecast_does_not_depend_on_the_other_series(forecaster: charlm.Forecaster, bakery: list[Series]) -> None:
    together = forecaster.predict(bakery, horizon=4)
    alone = [forecaster.predict([each], horizon=4)[0] for each in bakery]
    own = forecaster.predict(horizon=4)
    for one, other, third in zip(together, alone, own, strict=True):
        assert one.forecast.values == pytest.approx(other.forecast.values, abs=1e-6)
        assert one.forecast.values == pytest.approx(third.forecast.values, rel=1e-4)
    model = forecaster
    batch = model.network.forecasts(model.pasts, model.lags, model.season, 4, model.window)
    for row, third in zip(batch, own, strict=True):
        assert row == pytest.approx(third.forecast.values, rel=1e-3)


def test_a_batch_is_a_function_of_seed_and_step_and_has_no_value_that_is_held_out() -> None:
    pasts = [past_of(str(each), np.arange(40.0) + each, np.zeros((40, 0)), [], 0, "none", 1) for each in range(3)]
    one, other = (WindowBatches(pasts, (1,), 1, 4, 8, seed=3) for _ in range(2))
    assert one[5].inputs.equal(other[5].inputs) and not one[5].inputs.equal(one[6].inputs)
    assert (one[5].targets[..., 0] == 1).all()  # every value is one more than the value before it


def test_no_held_out_value_changes_what_is_learned(tmp_path: Path, bakery: list[Series]) -> None:
    lines = ["unique_id,ds,y"]
    for each in bakery:
        values = [*each.values[:-48], *(1000 + each.values[-48:])]
        lines += [f"{each.name},{time},{value}" for time, value in zip(each.times, values, strict=True)]
    (tmp_path / "other.csv").write_text("\n".join(lines) + "\n")
    one, other = (charlm.train(path, steps=3, **SMALL) for path in (BAKERY, tmp_path / "other.csv"))  # type: ignore[arg-type]
    assert isinstance(one, charlm.Forecaster) and isinstance(other, charlm.Forecaster)
    assert one.season == other.season == 24
    for past, same in zip(one.pasts, other.pasts, strict=True):
        assert past.scale == pytest.approx(same.scale) and past.location == pytest.approx(same.location)
    for name, tensor in one.network.state_dict().items():
        assert tensor.equal(other.network.state_dict()[name]), name


def test_the_held_out_values_are_forecast_from_the_past_alone_and_keep_the_season(
    forecaster: charlm.Forecaster, bakery: list[Series]
) -> None:
    for past, truth, _ in forecaster.matched(bakery, with_history=True):
        values = forecaster.answered(past, 48, ()).values
        assert len(past.values) == 1344 - 48 and np.corrcoef(values, truth)[0, 1] > 0.8
        assert values.std() > 0.5 * truth.std()  # not flat
        assert np.abs(values[1:] - truth[:-1]).mean() > 0.5 * np.abs(np.diff(truth)).mean()  # no copy of the truth


def test_its_plan_repeats_it_and_saving_keeps_it(folder: Path, tmp_path: Path) -> None:
    again = charlm.train(BAKERY, plan=folder / "plan.json", folder=tmp_path / "again")
    again.save(tmp_path / "copy")
    for name in ("model.safetensors", "series.json"):
        assert len({(path / name).read_bytes() for path in (folder, tmp_path / "again", tmp_path / "copy")}) == 1


def test_predict_prints_csv_without_reading_stdin(folder: Path) -> None:
    lines = run("predict", "-m", str(folder), "--horizon", "2", "--level", "80,95", "-q").stdout.splitlines()
    assert lines[0] == "unique_id,ds,y,lo-80,hi-80,lo-95,hi-95" and len(lines) == 11
    assert lines[1].startswith("corner,2024-02-26 00:00:00,")
    values = json.loads(run("predict", "-m", str(folder), "--horizon", "2", "--json", "-q").stdout.splitlines()[0])
    assert list(values) == ["unique_id", "ds", "y", "lo-80", "hi-80"] and len(values["y"]) == 2
    assert "write percentages" in str(run("predict", "-m", str(folder), "--level", "120").exception)


def test_evaluate_takes_whole_series_or_a_continuation(folder: Path, tmp_path: Path) -> None:
    whole = json.loads(run("evaluate", str(BAKERY), "-m", str(folder), "--with-history", "--json", "-q").stdout)
    assert whole["mase"] == pytest.approx(describe(folder)["validation"]["mase"], abs=1e-3)
    assert {"task", "examples", "nats", "mae", "rmse", "smape", "mase", "coverage", "naive", "interval"} <= set(whole)
    assert whole["naive"]["mase"] > whole["naive"]["seasonal naive"]["mase"] > whole["mase"]
    rows = "".join(f"mill,2024-02-26 0{hour}:00:00,5\n" for hour in range(4))
    (tmp_path / "next.csv").write_text(f"unique_id,ds,y\n{rows}")
    assert json.loads(run("evaluate", str(tmp_path / "next.csv"), "-m", str(folder), "--json", "-q").stdout)["examples"]
    again = str(run("evaluate", str(BAKERY), "-m", str(folder)).exception)
    assert "bakery.csv:2 has the series" in again and "where training ended" in again
    assert run("info", "-m", str(folder)).exit_code == 0 and run("list").exit_code == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ds,y\n" + "".join(f"2024-01-{day:02},1\n" for day in range(1, 12) if day != 7), "bad.csv:8 has the time"),
        ("ds,y\n" + "".join(f"2024-01-{day:02},{'nan' if day == 5 else day}\n" for day in range(1, 20)), "bad.csv:6"),
        ("ds,y\n2024-01-01,1\n2024-01-02,2\n", "needs 8 values"),
    ],
)
def test_gaps_missing_values_and_short_series_are_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(CharlmError, match=said):
        charlm.train(tmp_path / "bad.csv", task="series", steps=1)


@pytest.mark.parametrize("setting", [{"tokenizer": "word"}, {"embedding": "one-hot"}, {"tie_weights": True}])
def test_settings_of_text_are_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(CharlmError, match="reads numbers"):
        charlm.train(BAKERY, steps=1, task="series", **setting)


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values.update(window=-1),
        lambda values: values["series"][0].update(scale=[0.0]),
        lambda values: values["series"][0].update(values=["x"]),
        lambda values: values["series"][0].update(error=float("nan")),
        lambda values: values["series"].clear(),
        lambda values: values.update(series={}),
    ],
)
def test_a_wrong_file_is_named(folder: Path, tmp_path: Path, change: Any) -> None:
    shutil.copytree(folder, tmp_path / "m")
    values = json.loads((tmp_path / "m" / "series.json").read_text())
    change(values)
    (tmp_path / "m" / "series.json").write_text(json.dumps(values))
    with pytest.raises(charlm.ModelError, match=r"series\.json"):
        charlm.load(tmp_path / "m")


def test_times_go_on_in_their_form() -> None:
    assert continued(["1949-11", "1949-12"], 2) == ("1950-01", "1950-02")
    assert continued(["2024-01-31", "2024-02-29"], 2) == ("2024-03-31", "2024-04-30")
    assert continued(["2024-02-27", "2024-02-28"], 2) == ("2024-02-29", "2024-03-01")
    assert continued(["2024Q3", "2024Q4"], 1) == ("2025Q1",) and continued(["5", "7"], 2) == ("9", "11")
    assert continued(["2024-01-01T22:00", "2024-01-01T23:00"], 1) == ("2024-01-02T00:00",)


def test_nothing_is_printed_before_an_error(folder: Path) -> None:
    for options in (("--horizon", "0"), ("--horizon", "0", "--json"), ("--file", "missing.csv")):
        done = run("predict", "-m", str(folder), *options, "-q")
        assert done.stdout == "" and isinstance(done.exception, CharlmError)


def test_each_figure_of_a_list_has_its_name(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(folder, "checkpoints/bakery")
    heads, row = run("list", "-q").stdout.splitlines()
    mase = f"{describe(folder)['validation']['mase']:.4f}"
    assert "MASE" in heads and "bits/char" not in heads and mase in row and "MASE" not in row
    fixtures = Path(__file__).parents[1] / "fixtures"
    language = next(path.parent for path in sorted(fixtures.rglob("model.safetensors")))
    shutil.copytree(language, "checkpoints/text")
    heads, *rows = run("list", "-q").stdout.splitlines()
    assert "figure" in heads and any(f"{mase} MASE" in row for row in rows) and any("bits/char" in row for row in rows)


def test_series_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("unique_id,ds,y\n" + "".join(f"x,{step},{step % 3}\n" for step in range(20)))
    with pytest.raises(CharlmError, match=r"b\.csv:2 has the series 'x', as .*a\.csv:2 has"):
        charlm.train([tmp_path / "a.csv", tmp_path / "b.csv"], steps=1)


def test_a_refusal_says_what_to_leave_out(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CharlmError, match="embedding_size cannot be 5") as caught:
        charlm.train(BAKERY, steps=1, embedding_size=5)
    assert sentence(caught.value).endswith("; leave --embedding-size out")
    with pytest.raises(CharlmError, match="where the training part ends; give the values after it"):
        charlm.train(BAKERY, valid=BAKERY, steps=1)
    (tmp_path / "new.csv").write_text("unique_id,ds,y\nmill,2024-02-26,5\nnew,2024-02-26,5\n")
    error = run("evaluate", str(tmp_path / "new.csv"), "-m", str(folder)).exception
    assert isinstance(error, CharlmError)
    assert "does not know; to forecast the last values of whole series, use --with-history" in sentence(error)
