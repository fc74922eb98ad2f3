"""Samplers against a direct transcription of what each is said to do."""

import itertools
import math
import random

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

import charlm
from charlm.generation.samplers import Sampler, chain
from charlm.generation.samplers.min_p import MinP
from charlm.generation.samplers.mirostat import Mirostat
from charlm.generation.samplers.no_repeat import NoRepeat
from charlm.generation.samplers.repetition_penalty import RepetitionPenalty
from charlm.generation.samplers.temperature import Temperature
from charlm.generation.samplers.top_k import TopK
from charlm.generation.samplers.top_p import TopP
from charlm.generation.samplers.typical import Typical
from charlm.registry import find, names

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


def fewest(order: list[int], chances: list[float], p: float) -> set[int]:
    """The first in this order, so many that their probabilities sum to p or more."""
    chosen: set[int] = set()
    reached = 0.0
    for index in order:
        assume(abs(reached - p) > 1e-5)  # nearer than that rounding decides
        if reached >= p:
            break
        chosen.add(index)
        reached += chances[index]
    return chosen


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
    nucleus = fewest(sorted(range(len(logits)), key=lambda index: -logits[index]), chances, p)
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


@MODEST
@given(LOGITS, st.floats(0.001, 1))
def test_min_p_keeps_what_is_at_least_p_times_as_likely_as_the_likeliest(
    drawn: tuple[list[float], int], p: float
) -> None:
    """P(x) ≥ p · max P."""
    logits = as_logits(drawn)
    chances = probabilities(logits)
    assume(all(abs(chance / max(chances) / p - 1) > 1e-4 for chance in chances if chance < max(chances)))
    expected = [x if q >= p * max(chances) else -math.inf for x, q in zip(logits, chances, strict=True)]
    assert apply(MinP(p), logits) == pytest.approx(expected)


@MODEST
@given(LOGITS, st.floats(0.01, 0.999))
def test_typical_keeps_the_symbols_nearest_to_the_entropy_that_reach_p(
    drawn: tuple[list[float], int], p: float
) -> None:
    """The fewest, in the order of |−log P(x) − H|, whose probabilities sum to p or more."""
    logits = as_logits(drawn)
    chances = probabilities(logits)
    entropy = -sum(q * math.log(q) for q in chances if q)
    far = [abs(-math.log(q) - entropy) if q else math.inf for q in chances]
    finite = sorted(each for each in far if each < math.inf)
    assume(all(high - low > 1e-4 for low, high in itertools.pairwise(finite)))  # nearer than that rounding decides
    typical = fewest(sorted(range(len(logits)), key=far.__getitem__), chances, p)
    expected = [logit if index in typical else -math.inf for index, logit in enumerate(logits)]
    assert apply(Typical(p), logits) == pytest.approx(expected)


@MODEST
@given(LOGITS, st.sampled_from([1e-300, 1e-9, 1.0]))
def test_typical_keeps_at_least_one_symbol_and_with_p_one_all(drawn: tuple[list[float], int], p: float) -> None:
    logits = as_logits(drawn)
    possible = {index for index, logit in enumerate(logits) if logit > -math.inf}
    left = kept(apply(Typical(p), logits))
    assert left == possible if p == 1 else len(left) == 1 and left <= possible


@MODEST
@given(
    st.lists(st.lists(st.integers(-300, 300), min_size=5, max_size=5, unique=True), min_size=1, max_size=30),
    st.floats(0.1, 4),
    st.randoms(use_true_random=False),
)
def test_mirostat_moves_its_ceiling_by_the_error_of_what_was_drawn(
    steps: list[list[int]], tau: float, chance: random.Random
) -> None:
    """μ = 2τ; each time S(x) = −log₂ P(x) ≤ μ or the likeliest alone, and then μ ← μ − 0.1 (S(x) − τ)."""
    sampler = Mirostat(tau)
    state: Tensor | None = sampler.start(1)
    ceiling, history = 2 * tau, [3]
    for step in steps:
        logits = [each / 50 for each in step]
        surprisal = [-math.log2(p) for p in probabilities(logits)]
        assume(all(abs(each - ceiling) > 1e-3 for each in surprisal))
        allowed = {index for index, each in enumerate(surprisal) if each <= ceiling} or {logits.index(max(logits))}
        filtered, state = sampler(torch.tensor([logits]), torch.tensor([history]), state)
        assert kept(filtered[0].tolist()) == allowed
        drawn = chance.choice(sorted(allowed))
        history.append(drawn)
        ceiling -= 0.1 * (surprisal[drawn] - tau)


HISTORIES = st.lists(st.integers(0, 3), max_size=14)


def ends_a_repetition(history: list[int], symbol: int, n: int) -> bool:
    """Whether the last n symbols, with this one added, stand in the history already."""
    last = [*history, symbol][-n:]
    return len(last) == n and any(history[place : place + n] == last for place in range(len(history) - n + 1))


@MODEST
@given(HISTORIES, st.integers(1, 5), st.lists(st.integers(-50, 50), min_size=4, max_size=4), st.floats(1, 9))
def test_the_repetition_penalty_is_for_what_would_end_a_repetition(
    history: list[int], n: int, logits: list[int], penalty: float
) -> None:
    """x / θ where x > 0, else x · θ."""
    expected = [
        float(x) if not ends_a_repetition(history, symbol, n) else x / penalty if x > 0 else x * penalty
        for symbol, x in enumerate(logits)
    ]
    read = torch.tensor([history], dtype=torch.long)
    found, _ = RepetitionPenalty(penalty, n)(torch.tensor([logits]).float(), read, None)
    assert found[0].tolist() == pytest.approx(expected, rel=1e-5)


@MODEST
@given(HISTORIES, st.integers(1, 5), st.sets(st.integers(0, 3), max_size=3))
def test_no_repeat_forbids_what_would_end_a_repetition(history: list[int], n: int, impossible: set[int]) -> None:
    """Unless nothing would be left."""
    logits = [-math.inf if symbol in impossible else 1.0 for symbol in range(4)]
    possible = set(range(4)) - impossible
    new = {symbol for symbol in possible if not ends_a_repetition(history, symbol, n)}
    found, _ = NoRepeat(n)(torch.tensor([logits]), torch.tensor([history], dtype=torch.long), None)
    assert kept(found[0].tolist()) == (new or possible)


def repetitions(text: str, n: int) -> int:
    stretches = [text[place : place + n] for place in range(len(text) - n + 1)]
    return len(stretches) - len(set(stretches))


def test_greedy_text_runs_in_circles_unless_it_may_not_repeat(stream_model: charlm.LanguageModel) -> None:
    settings = {"length": 150, "temperature": 0.0}
    (free,) = stream_model.sample("the ", **settings)
    (penalised,) = stream_model.sample("the ", **settings, repetition_penalty=10.0, repetition_ngram=8)
    (new,) = stream_model.sample("the ", **settings, no_repeat=8)
    assert repetitions("the " + free.text, 8) > repetitions("the " + penalised.text, 8)
    assert repetitions("the " + free.text, 8) > 50 and repetitions("the " + new.text, 8) == 0


SETTINGS: dict[str, list[tuple[float, ...]]] = {
    "temperature": [(1.0,), (0.5,)],
    "top-k": [(1,), (2,)],
    "top-p": [(1.0,), (0.5,)],
    "min-p": [(1.0,), (0.5,)],
    "typical": [(1.0,), (0.5,)],
    "mirostat": [(1.0,), (0.5,)],
    "repetition-penalty": [(1.5, 1), (1.5, 2)],
    "no-repeat": [(1,), (2,)],
}


@pytest.mark.parametrize("name", names("generation.samplers"))
def test_rows_do_not_depend_on_each_other(name: str) -> None:
    for values in SETTINGS[name]:
        sampler = find(Sampler, name)(*values)
        random_numbers = torch.Generator().manual_seed(0)
        logits = torch.randn(2, 6, 9, generator=random_numbers)
        history = torch.randint(9, (6, 7), generator=random_numbers)
        together, state = sampler(logits[0], history, sampler.start(6))
        together, _ = sampler(logits[1], history, state)
        for row in range(6):
            one = slice(row, row + 1)
            _, state = sampler(logits[0, one], history[one], sampler.start(1))
            assert torch.equal(sampler(logits[1, one], history[one], state)[0], together[one])


def test_samplers_apply_one_after_the_other() -> None:
    """Top-k 2 leaves the first two of 0.4, 0.3, 0.2, 0.1. They become 0.57 and 0.43, and the first reaches p = 0.5."""
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
        *({name: value} for name in ("top_p", "min_p", "typical") for value in (0, -1, 1.1, math.nan)),
        *({"mirostat": value} for value in (0, -1, math.nan)),
        *({"repetition_penalty": value, "repetition_ngram": 3} for value in (0.5, math.nan)),
        {"repetition_ngram": 0, "repetition_penalty": 2},
        {"no_repeat": 0},
    ],
    ids=str,
)
def test_a_setting_out_of_range_is_refused_by_name(setting: dict[str, float]) -> None:
    name = next(iter(setting))
    with pytest.raises(charlm.ConfigError, match=name):
        chain(setting)
