"""The bootstrap: intervals of any figure from weights of examples."""

import numpy as np
import pytest

from charlm.measures import Floats
from charlm.measures.bootstrap import interval, intervals


def test_the_interval_of_a_share_is_that_of_its_normal_distribution() -> None:
    """320 of 400 right: ± 1.96 √(0.8 · 0.2 / 400) = ± 0.0392."""
    right = np.repeat([1.0, 0.0], [320, 80])
    bounds = intervals(400, lambda weights: {"accuracy": float((weights * right).sum() / weights.sum())})["accuracy"]
    assert bounds == pytest.approx((0.8 - 0.0392, 0.8 + 0.0392), abs=0.004)


def test_each_draw_has_as_many_examples_as_there_are() -> None:
    sums = []

    def figures(weights: Floats) -> dict[str, float]:
        sums.append(weights.sum())
        return {}

    intervals(7, figures)
    assert set(sums) == {7.0}


def test_a_seed_gives_the_same_interval_again() -> None:
    values = np.random.default_rng(0).normal(size=50)

    def figures(weights: Floats) -> dict[str, float]:
        return {"mean": float(values @ weights / 50)}

    assert intervals(50, figures) == intervals(50, figures)
    assert intervals(50, figures, seed=1) != intervals(50, figures)


def test_fewer_than_two_examples_have_no_interval() -> None:
    assert intervals(1, lambda weights: {"mean": 1.0}) == {"mean": None}
    assert intervals(0, lambda weights: {"mean": None}) == {"mean": None}
    assert interval([], []) is None and interval([1.0], [1]) is None


def test_a_figure_that_some_draws_do_not_have_is_left_out_of_them() -> None:
    """The figure exists only if the first of two examples is drawn, and is then 1."""
    bounds = intervals(2, lambda weights: {"some": 1.0 if weights[0] else None, "none": None})
    assert bounds == {"some": (1.0, 1.0), "none": None}


def test_neighbors_of_very_many_examples_are_drawn_together(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).normal(0.5, 2, 4000)

    def figures(weights: Floats) -> dict[str, float]:
        return {"mean": float(values @ weights / weights.sum())}

    each = intervals(4000, figures)["mean"]
    monkeypatch.setattr("charlm.measures.bootstrap._MAX_UNITS", 500)
    assert intervals(4000, figures)["mean"] == pytest.approx(each, abs=0.03)
