"""Samplers against a direct transcription of what each is said to do."""

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

import charlm
from charlm.discover import find, names
from charlm.samplers import Sampler, chain
from charlm.samplers.temperature import Temperature
from charlm.samplers.top_k import TopK
from charlm.samplers.top_p import TopP

# Distinct, and far enough apart for float32 to tell them from each other; some symbols cannot be drawn at all.
LOGITS = st.lists(st.integers(-3000, 3000), min_size=1, max_size=12, unique=True).flatmap(
    lambda values: st.tuples(st.just([value / 100 for value in values]), st.integers(0, 3))
)
MODEST = settings(max_examples=100, deadline=None, derandomize=True)
HISTORY = torch.zeros(1, 0, dtype=torch.long)


def as_logits(drawn: tuple[list[float], int]) -> list[float]:
    values, impossible = drawn
    return [*values, *[-math.inf] * impossible]


def apply(sampler: Sampler, logits: list[float]) -> list[float]:
    filtered, state = sampler(torch.tensor([logits]), HISTORY, sampler.start(1))
    assert state is None
    return filtered[0].tolist()  # type: ignore[no-any-return]


def probabilities(logits: list[float]) -> list[float]:
    return torch.softmax(torch.tensor(logits, dtype=torch.float64), dim=0).tolist()  # type: ignore[no-any-return]


def kept(logits: list[float]) -> set[int]:
    return {index for index, logit in enumerate(logits) if logit > -math.inf}


@MODEST
@given(LOGITS, st.floats(0.05, 20))
def test_temperature_raises_probabilities_to_a_power(drawn: tuple[list[float], int], temperature: float) -> None:
    """P^(1/τ), so scaled that they sum to one."""
    logits = as_logits(drawn)
    powers = [p ** (1 / temperature) for p in probabilities(logits)]
    expected = [power / sum(powers) for power in powers]
    assert probabilities(apply(Temperature(temperature), logits)) == pytest.approx(expected, abs=1e-4)


@MODEST
@given(LOGITS)
def test_temperature_one_changes_nothing(drawn: tuple[list[float], int]) -> None:
    logits = as_logits(drawn)
    assert probabilities(apply(Temperature(1.0), logits)) == pytest.approx(probabilities(logits), abs=1e-5)


@MODEST
@given(LOGITS, st.sampled_from([0.0, 1e-300, 1e-50, 1e-40, 1e-20, 1e-6]))
def test_a_temperature_of_nothing_or_next_to_it_is_greedy(drawn: tuple[list[float], int], temperature: float) -> None:
    logits = as_logits(drawn)
    found = probabilities(apply(Temperature(temperature), logits))
    assert found == [float(index == logits.index(max(logits))) for index in range(len(logits))]


@MODEST
@given(LOGITS, st.integers(1, 15))
def test_top_k_keeps_the_k_likeliest_as_they_are(drawn: tuple[list[float], int], k: int) -> None:
    logits = as_logits(drawn)
    likeliest = sorted(range(len(logits)), key=lambda index: -logits[index])[:k]
    expected = [logit if index in likeliest else -math.inf for index, logit in enumerate(logits)]
    assert apply(TopK(k), logits) == pytest.approx(expected)


@MODEST
@given(LOGITS, st.floats(0.01, 0.999))
def test_top_p_keeps_the_fewest_likeliest_that_reach_p(drawn: tuple[list[float], int], p: float) -> None:
    logits = as_logits(drawn)
    chances = probabilities(logits)
    nucleus: set[int] = set()
    reached = 0.0
    for index in sorted(range(len(logits)), key=lambda index: -logits[index]):
        assume(abs(reached - p) > 1e-5)  # nearer than that rounding decides
        if reached >= p:
            break
        nucleus.add(index)
        reached += chances[index]
    expected = [logit if index in nucleus else -math.inf for index, logit in enumerate(logits)]
    assert apply(TopP(p), logits) == pytest.approx(expected)


@MODEST
@given(LOGITS)
def test_top_p_one_keeps_every_symbol_that_may_be_drawn(drawn: tuple[list[float], int]) -> None:
    logits = as_logits(drawn)
    assert apply(TopP(1.0), logits) == pytest.approx(logits)


@MODEST
@given(LOGITS, st.sampled_from([1e-300, 1e-9, 0.01]))
def test_top_p_always_keeps_the_likeliest(drawn: tuple[list[float], int], p: float) -> None:
    logits = as_logits(drawn)
    assert logits.index(max(logits)) in kept(apply(TopP(p), logits))


@pytest.mark.parametrize("name", names("samplers"))
@pytest.mark.parametrize("value", [1, 0.5])
def test_rows_do_not_depend_on_each_other(name: str, value: float) -> None:
    sampler = find(Sampler, name)(int(value) if name == "top-k" and value == 1 else 2 if name == "top-k" else value)
    logits = torch.randn(6, 9, generator=torch.Generator().manual_seed(0))
    history = HISTORY.expand(6, 0)
    together, _ = sampler(logits, history, sampler.start(6))
    alone = [sampler(row[None], HISTORY, sampler.start(1))[0] for row in logits]
    assert torch.equal(together, torch.cat(alone))


def test_samplers_apply_one_after_the_other() -> None:
    """Of 0.4, 0.3, 0.2, 0.1, the first two are left by top-k 2; of those, 0.57 and 0.43, the first reaches p = 0.5."""
    logits: Tensor = torch.tensor([[0.1, 0.4, 0.2, 0.3]]).log()
    assert [type(each).__name__ for each in chain({"temperature": 1.0, "top_k": None, "top_p": 0.5})] == [
        "Temperature",
        "TopP",
    ]
    for sampler in chain({"temperature": 1.0, "top_k": 2, "top_p": 0.5}):
        logits, _ = sampler(logits, HISTORY, sampler.start(1))
    assert kept(logits[0].tolist()) == {1}


@pytest.mark.parametrize(
    "setting",
    [
        *({"temperature": value} for value in (-0.1, math.nan, math.inf)),
        *({"top_k": value} for value in (0, -1)),
        *({"top_p": value} for value in (0, -1, 1.1, math.nan)),
    ],
    ids=str,
)
def test_a_setting_out_of_range_is_refused_by_name(setting: dict[str, float]) -> None:
    (name,) = setting
    with pytest.raises(charlm.ConfigError, match=name.replace("_", "-")):
        chain(setting)
