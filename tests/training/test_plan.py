"""The plan of a run: progress, learning rate and validations, also where it was revised, and plans stored as files."""

import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charlm import train
from charlm.config import ModelConfig, TrainConfig
from charlm.errors import ConfigError
from charlm.plan import HELD, LOWEST_RATE, MOST_VALIDATIONS, WARM_UP, Plan, read_plan

MODEL = ModelConfig(sequence="line", embedding_size=4, hidden_size=8, layers=1, dropout=0.1, ngram="none")
PLAN = Plan(MODEL, TrainConfig(learning_rate=0.01, threads=1), steps=100, validations=5)
MODEST = settings(max_examples=60, deadline=None, derandomize=True)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Plans, revised as a run revises them: at a step already done, to a total not yet reached."""
    steps = draw(st.integers(1, 400))
    plan = replace(PLAN, steps=steps, validations=draw(st.integers(1, min(MOST_VALIDATIONS, steps))))
    at = 0
    for _ in range(draw(st.integers(0, 3))):
        if plan.total - at < 2:
            break
        at = draw(st.integers(at + 1, plan.total - 1))
        plan = plan.revise(at, at + draw(st.integers(1, 400)))
    return plan


@MODEST
@given(plans())
def test_progress_only_rises_and_is_whole_at_the_last_step_alone(plan: Plan) -> None:
    shares = [plan.progress(step) for step in range(plan.total + 1)]
    assert shares[0] == 0 and shares[-1] == 1
    assert all(a < b for a, b in pairwise(shares))


def test_progress_by_hand() -> None:
    """40 of 100 steps are 0.4. Revised there to 52 in all, each of the last 12 is 0.6 / 12 = 0.05 of the run."""
    assert [PLAN.progress(step) for step in (25, 40, 100)] == [0.25, 0.4, 1.0]
    revised = PLAN.revise(40, 52)
    assert revised.total == 52 and PLAN.total == 100
    assert [revised.progress(step) for step in (25, 40, 41, 46, 52)] == pytest.approx([0.25, 0.4, 0.45, 0.7, 1.0])
    twice = revised.revise(46, 47)
    assert [twice.progress(step) for step in (40, 46, 47)] == pytest.approx([0.4, 0.7, 1.0])


@MODEST
@given(plans(), st.data())
def test_a_revision_changes_nothing_that_was_done(plan: Plan, data: st.DataObject) -> None:
    """So that the stored plan, with its revisions, repeats the run as it went."""
    first = max([at for at, _ in plan.revisions], default=0)
    at = data.draw(st.integers(first, plan.total - 1))
    revised = plan.revise(at, at + data.draw(st.integers(1, 1000)))
    for step in range(at):
        assert revised.learning_rate(step) == plan.learning_rate(step)
        assert revised.validate_after(step + 1) == plan.validate_after(step + 1)


@MODEST
@given(st.integers(1, 3000), st.integers(1, MOST_VALIDATIONS))
def test_a_run_is_validated_as_often_as_planned_evenly_and_at_the_end(steps: int, validations: int) -> None:
    validations = min(validations, steps)
    plan = replace(PLAN, steps=steps, validations=validations)
    after = [step for step in range(1, steps + 1) if plan.validate_after(step)]
    assert len(after) == validations and after[-1] == steps
    assert all(abs(step - steps * (k + 1) / validations) <= 1 for k, step in enumerate(after))


@MODEST
@given(plans())
def test_a_revised_run_is_validated_at_its_end_and_never_more_often_than_planned(plan: Plan) -> None:
    after = [step for step in range(1, plan.total + 1) if plan.validate_after(step)]
    assert after[-1] == plan.total and len(after) <= plan.validations


def test_the_learning_rate_rises_to_its_peak_stays_there_and_falls_to_a_fiftieth() -> None:
    """With 1,000 steps: the peak from 50 to 300, then a straight line down to 2 % of it at the last."""
    plan = replace(PLAN, steps=1000)
    rates = [plan.learning_rate(step) for step in range(1000)]
    assert (WARM_UP, HELD, LOWEST_RATE) == (0.05, 0.3, 0.02)
    assert rates[:49] == pytest.approx([0.01 * (step + 1) / 50 for step in range(49)])
    assert rates[49:300] == pytest.approx([0.01] * 251)
    assert rates[299:] == pytest.approx([0.01 * (1 - 0.98 * step / 700) for step in range(701)])


def test_a_cosine_falls_from_the_peak_on() -> None:
    """With 1,000 steps: a straight line to the peak at 50, then half a cosine down to 2 % of it at the last."""
    plan = replace(PLAN, train=replace(PLAN.train, schedule="cosine"), steps=1000)
    rates = [plan.learning_rate(step) for step in range(1000)]
    assert rates[:49] == pytest.approx([0.01 * (step + 1) / 50 for step in range(49)])
    assert rates.index(max(rates)) == 49 and max(rates) == pytest.approx(0.01)
    assert all(a > b for a, b in pairwise(rates[49:]))
    assert rates[-1] == pytest.approx(0.01 * 0.02)
    middle = 49 + 950 // 2  # half of the way down
    assert rates[middle] == pytest.approx(0.01 * (0.02 + 0.98 / 2))


@MODEST
@given(plans())
def test_the_learning_rate_is_always_above_nothing_and_never_over_its_peak(plan: Plan) -> None:
    rates = [plan.learning_rate(step) for step in range(plan.total)]
    assert min(rates) > 0 and max(rates) <= 0.01 * (1 + 1e-12)
    assert rates[-1] == pytest.approx(0.01 * 0.02)


@MODEST
@given(plans())
def test_a_stored_plan_is_read_back(tmp_path_factory: pytest.TempPathFactory, plan: Plan) -> None:
    path = tmp_path_factory.getbasetemp() / "plan.json"
    path.write_text(json.dumps(plan.to_json()))
    assert read_plan(path) == plan


def stored(**changes: Any) -> dict[str, Any]:
    """A plan's file with some values changed; `model__x` is x of the model."""
    values = PLAN.to_json()
    for name, value in changes.items():
        part, _, key = name.partition("__")
        if key:
            values[part][key] = value
        else:
            values[name] = value
    return values


def refusal(path: Path, content: object) -> str:
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(ConfigError) as error:
        read_plan(path)
    return str(error.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[]", b"3", b'"plan"', b"\xff\xfe", b"[" * 200_000, b"9" * 5000, b"{}", b'{"steps": 3}'],
    ids=lambda content: content[:12],
)
def test_a_file_that_is_no_plan_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "plan.json"
    assert str(path) in refusal(path, content)


def test_a_plan_of_gigabytes_is_refused_before_it_is_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "plan.json").open("wb") as file:
        file.truncate(2**34)
    with pytest.raises(ConfigError, match="more than"):
        read_plan(tmp_path / "plan.json")


def test_a_plan_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"plan\.json cannot be read: No such file or directory$"):
        read_plan(tmp_path / "plan.json")
    with pytest.raises(ConfigError, match=r"cannot be read: Is a directory$"):
        read_plan(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"more": 1},
        {"steps": 0},
        {"steps": True},
        {"steps": 1.5},
        {"steps": "10"},
        {"steps": None},
        {"steps": 10**30},
        {"validations": 0},
        {"validations": -1},
        {"model": None},
        {"model": {}},
        {"train": []},
        {"model__cell": 7},
        {"model__more": 1},
        {"model__hidden_size": "8"},
        {"model__hidden_size": 10**9},
        {"model__hidden_size": -1},
        {"model__layers": 1.5},
        {"model__dropout": math.nan},
        {"model__sequence": "words"},
        {"train__batch_size": True},
        {"train__batch_size": 0},
        {"train__learning_rate": math.nan},
        {"train__learning_rate": math.inf},
        {"train__seed": -1},
        {"train__device": "tpu"},
        {"train__steps": 1, "train__minutes": 1.0},
    ],
    ids=str,
)
def test_a_value_that_cannot_be_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert refusal(tmp_path / "plan.json", stored(**changes))


@pytest.mark.parametrize(
    "revisions",
    [
        None,
        {},
        "ab",
        [5],
        [[]],
        [[5]],
        [[1, 2, 3]],
        [["1", 2]],
        [[True, 5]],
        [[1.0, 5]],
        [[0, 50]],  # before the first step
        [[50, 50]],  # to a total that is already reached
        [[50, 40]],
        [[100, 120]],  # when all was done
        [[50, 60], [40, 80]],  # back in time
        [[50, 60], [60, 80]],  # after its end
        [[5, 5], [7, 9]],
        [[50, 2**60]],
    ],
    ids=str,
)
def test_revisions_that_no_run_makes_are_refused(tmp_path: Path, revisions: object) -> None:
    assert refusal(tmp_path / "plan.json", stored(revisions=revisions))


@pytest.mark.parametrize("name", ["embedding_size", "hidden_size", "layers", "dropout"])
def test_a_plan_that_leaves_a_size_open_is_refused(tmp_path: Path, name: str) -> None:
    assert refusal(tmp_path / "plan.json", stored(**{f"model__{name}": None}))


def test_a_plan_that_leaves_the_kind_of_sequence_open_is_refused(tmp_path: Path) -> None:
    """A model trained after it would not know whether it is one of lines."""
    assert refusal(tmp_path / "plan.json", stored(model__sequence="auto"))


@pytest.mark.parametrize(
    ("part", "name"),
    [("cell", "gruu"), ("cell", "../gru"), ("embedding", "two-hot"), ("tokenizer", "words"), ("activation", "relu")],
)
def test_a_plan_of_parts_that_do_not_exist_is_refused(tmp_path: Path, part: str, name: str) -> None:
    """When it is read, or at the latest when a network is to be built after it."""
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(stored(**{f"model__{part}": name})))
    with pytest.raises(ConfigError, match=name):
        train("a\nb\n" * 100, plan=read_plan(path))


def test_auto_beside_a_plan_is_settled_by_the_corpus() -> None:
    """As `--plan FILE --sequence auto` asks; the model has to know whether it is one of lines."""
    plan = replace(PLAN, model=replace(MODEL, sequence="auto"), steps=1, validations=1)
    assert train("a line\n" * 200, plan=plan).config.sequence == "line"
