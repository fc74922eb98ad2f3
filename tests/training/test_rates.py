"""The learning rate and the weight decay that are chosen, where a user leaves them open."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import LINES, TINY, Outcome

import charlm
from charlm.config import ModelConfig, TrainConfig
from charlm.errors import ConfigError
from charlm.plan import Plan, plan_from, read_plan
from charlm.training.recipe import resolve_rates

Run = Callable[..., Outcome]

LONG = 5_000  # steps


def rates(
    steps: int = LONG,
    cell: str = "gru",
    hidden_size: int = 256,
    layers: int = 1,
    passes: float = 2.0,
    **given: float,
) -> tuple[float, float]:
    shape = ModelConfig(cell=cell, hidden_size=hidden_size, layers=layers)
    found = resolve_rates(TrainConfig(**given), shape, steps, passes)  # type: ignore[arg-type]
    assert found.learning_rate is not None and found.weight_decay is not None
    return found.learning_rate, found.weight_decay


def test_half_the_width_takes_twice_the_rate_up_to_a_bound() -> None:
    (narrow, _), (wide, _), (narrowest, _) = (rates(hidden_size=width) for width in (256, 512, 1))
    assert narrow == pytest.approx(2 * wide, rel=0.02)
    assert narrow < narrowest < 0.1


def test_more_than_two_layers_take_less() -> None:
    assert rates(layers=1) == rates(layers=2)
    assert rates(layers=4)[0] == pytest.approx(rates(layers=2)[0] / 2, rel=0.02)


def test_an_lstm_takes_more_than_a_gru() -> None:
    assert rates(cell="lstm")[0] > rates(cell="gru")[0] == rates(cell="gru-simple")[0]


def test_a_long_run_wears_a_weight_down_as_fast_at_any_rate_and_a_short_one_not() -> None:
    (slow, much), (fast, little) = rates(learning_rate=0.005), rates(learning_rate=0.02)
    assert fast * little == pytest.approx(slow * much, rel=0.05)
    assert rates(steps=100)[1] < rates()[1] / 5
    assert rates(learning_rate=1e-5)[1] <= 0.3, "a rate next to nothing would be all decay"


def test_what_is_read_often_could_be_learned_by_heart() -> None:
    (often, decay), (seldom, less) = rates(passes=50), rates(passes=2)
    assert often < seldom and decay > 1.5 * less


def test_what_is_asked_for_is_taken() -> None:
    assert rates(learning_rate=0.5, weight_decay=0.0) == (0.5, 0.0)


def test_the_plan_of_a_run_names_what_was_chosen(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text").write_text(LINES)
    assert run("train", "text", *TINY, "--cell=lstm", "--steps=2").code == 0
    train = read_plan(tmp_path / "checkpoints" / "text" / "plan.json").train
    assert (train.learning_rate, train.weight_decay) == rates(steps=2, cell="lstm", hidden_size=8)


def test_a_plan_that_leaves_the_rate_open_is_refused() -> None:
    shape = ModelConfig(sequence="line", hidden_size=8, layers=1, embedding_size=4, dropout=0.0)
    plan = Plan(shape, TrainConfig(threads=1), steps=1, validations=1)
    with pytest.raises(ConfigError, match="no learning rate"):
        charlm.train(LINES, plan=plan)
    with pytest.raises(ConfigError, match=r"some\.json has an open .* learning rate"):
        plan_from(plan.to_json(), Path("some.json"))
