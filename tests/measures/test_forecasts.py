"""Figures of forecasts, by hand and by the formulas of M4; naive answers."""

import numpy as np
import pytest

from charlm.measures import Floats
from charlm.measures.forecasts import (
    Forecast,
    SeriesMeasures,
    coverage,
    interval_score,
    mase,
    pinball,
    scale,
    smape,
)
from charlm.measures.naive import WordTags, copies, last_value, majority, seasonal_naive


def row(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


def test_smape_by_hand() -> None:
    """200 · (|1 − 3| / 4 + |2 − 2| / 4 + 0 / 0) / 3."""
    assert smape(row(1, 2, 0), row(3, 2, 0)) == pytest.approx(200 * 0.5 / 3)
    assert smape(row(1), row(-1)) == 200


@pytest.mark.parametrize(
    ("history", "season", "expected"),
    [
        (row(1, 2, 4, 8), 1, (1 + 2 + 4) / 3),
        (row(1, 2, 4, 8), 2, (3 + 6) / 2),
        (row(1, 2, 4, 8), 4, (1 + 2 + 4) / 3),  # the history is not longer than a season
        (row(5, 5, 5), 1, None),
        (row(5), 1, None),
    ],
)
def test_the_scale_comes_from_the_history(history: Floats, season: int, expected: float | None) -> None:
    assert scale(history, season) == (None if expected is None else pytest.approx(expected))


def test_mase_by_hand() -> None:
    """The mean error is 2, and the history changes by 1 from season to season."""
    assert mase(row(10, 20), row(12, 18), row(1, 5, 2, 6), season=2) == pytest.approx(2)
    assert mase(row(10), row(12), row(3, 3)) is None


def test_intervals_by_hand() -> None:
    """Width 2; of three values one is below by 1 and one on the bound. At 80 %, each unit outside costs 2 / 0.2."""
    truth, low, high = row(0, 3, 2), row(1, 1, 1), row(3, 3, 3)
    assert coverage(truth, low, high) == pytest.approx(2 / 3)
    assert interval_score(truth, low, high, 0.8) == pytest.approx(2 + 10 / 3)


def test_pinball_by_hand() -> None:
    """A value 2 above a 90 % quantile costs 1.8, and one 2 below it costs 0.2."""
    assert pinball(row(5, 1), row(3, 3), 0.9) == pytest.approx((1.8 + 0.2) / 2)


def test_figures_of_two_series() -> None:
    """MAE and RMSE are over all three values, MASE and sMAPE over the two series."""
    truth, histories = [row(2, 4), row(10)], [row(0, 1, 2), row(0, 10, 20)]
    forecasts = [Forecast(row(2, 2)), Forecast(row(13))]
    assert SeriesMeasures(truth, forecasts, histories).figures() == pytest.approx(
        {
            "mae": (0 + 2 + 3) / 3,
            "rmse": ((0 + 4 + 9) / 3) ** 0.5,
            "smape": (200 * (2 / 6) / 2 + 200 * 3 / 23) / 2,
            "mase": (1 / 1 + 3 / 10) / 2,
        }
    )


def test_levels_have_coverage_msis_and_pinball_loss() -> None:
    levels = {80: (row(1, 1), row(3, 3)), 95: (row(0, 0), row(5, 5))}
    measures = SeriesMeasures([row(2, 4)], [Forecast(row(2, 2), levels)], [row(0, 2, 4)])
    values = measures.values()
    assert values["coverage"] == values["levels"]["80"]["coverage"] == 1 / 2
    assert values["msis"] == pytest.approx((2 + 10 / 2) / 2), "the scale is 2"
    assert values["levels"]["95"]["coverage"] == 1
    low, high = (0.1 * 1 + 0.1 * 3) / 2, (0.1 * 1 + 0.9 * 1) / 2
    assert values["levels"]["80"]["pinball"] == pytest.approx((low + high) / 2)
    assert values["interval"]["mae"] is None, "one series has no interval"


def test_a_constant_history_is_left_out_of_mase_and_counted() -> None:
    forecasts = [Forecast(row(1)), Forecast(row(1))]
    measures = SeriesMeasures([row(2), row(3)], forecasts, [row(7, 7), row(0, 4)])
    assert measures.figures()["mase"] == pytest.approx(2 / 4)
    assert measures.without_scale == 1
    assert SeriesMeasures([row(2)], [Forecast(row(1))], [row(7, 7)]).figures()["mase"] is None


def test_weights_are_repeated_series() -> None:
    random = np.random.default_rng(0)
    truth, histories = [random.normal(size=3) for _ in range(6)], [random.normal(size=9) for _ in range(6)]
    forecasts = [Forecast(each, {80: (each - 1, each + 1)}) for each in random.normal(size=(6, 3))]
    weights = np.array([0, 1, 2, 0, 3, 1])
    again = np.repeat(np.arange(6), weights)
    many = SeriesMeasures([truth[i] for i in again], [forecasts[i] for i in again], [histories[i] for i in again])
    once = SeriesMeasures(truth, forecasts, histories)
    assert once.figures(weights.astype(np.float64)) == pytest.approx(many.figures())


def test_a_forecast_for_each_value() -> None:
    with pytest.raises(ValueError, match="1 answers were given for 2 examples"):
        SeriesMeasures([row(1, 2)], [Forecast(row(1))], [row(1, 2)])
    with pytest.raises(ValueError, match="no value to compare"):
        SeriesMeasures([row()], [Forecast(row())], [row(1, 2)])


def test_naive_forecasts() -> None:
    history = row(1, 2, 3, 4, 5)
    assert last_value(history, 3).tolist() == [5, 5, 5]
    assert seasonal_naive(history, 5, season=3).tolist() == [3, 4, 5, 3, 4]
    assert seasonal_naive(history, 2, season=9).tolist() == [5, 5]


def test_the_majority_is_the_first_of_the_most_frequent() -> None:
    assert majority(["b", "a", "a", "b"]) == "b"
    assert majority([("a", "b"), (), ()]) == ()
    with pytest.raises(ValueError, match="no answers"):
        majority([])


def test_a_word_gets_its_most_frequent_tag_and_an_unknown_one_that_of_all() -> None:
    tags = WordTags.count([(["the", "run"], ["DET", "NOUN"]), (["run", "run"], ["VERB", "VERB"])])
    assert tags.tag(["run", "the", "unseen"]) == ["VERB", "DET", "VERB"]


def test_a_copy_is_the_source() -> None:
    assert copies(["a", "b"]) == ["a", "b"]
