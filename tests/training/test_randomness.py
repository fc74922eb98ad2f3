"""Random numbers that depend on nothing but their counters, and are as random as they claim."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charlm.randomness import bits, uniform

COUNTERS = st.integers(0, 2**63 - 1)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(COUNTERS, COUNTERS, st.lists(COUNTERS, min_size=1, max_size=5))
def test_a_number_depends_on_its_counters_alone(seed: int, step: int, rows: list[int]) -> None:
    """Not on what is asked for beside it, nor before it."""
    together = uniform(seed, rows, step)
    assert together.tolist() == [uniform(seed, row, step)[0] for row in rows]
    assert together[::-1].tolist() == uniform(seed, rows[::-1], step).tolist()


@pytest.mark.parametrize(
    ("counters", "number"),
    [
        ((0,), 0xE220A8397B1DCDAF),  # as published: the first output of SplitMix64 from seed 0
        ((1,), 0x910A2DEC89025CC1),
        ((0, 0), 0x8630C2BA6DAAB072),
        ((1, 2, 3), 0x61B954A3F11422AC),
    ],
)
def test_numbers_stay_the_same_for_ever(counters: tuple[int, ...], number: int) -> None:
    """A stored plan is to give the same run, and a seed the same samples, with every later release."""
    assert bits(*counters).tolist() == [number]


@pytest.mark.parametrize("of", [lambda n: uniform(n, 0, 5), lambda n: uniform(7, n, 0), lambda n: uniform(7, 0, n)])
def test_numbers_are_spread_evenly_whichever_counter_runs(of: object) -> None:
    """100,000 numbers in 100 cells: chi-square with 99 degrees of freedom is below 161 but once in 10,000 times."""
    found = of(np.arange(100_000))  # type: ignore[operator]
    assert found.min() >= 0 and found.max() < 1
    counts = np.histogram(found, bins=100, range=(0, 1))[0]
    assert ((counts - 1000) ** 2 / 1000).sum() < 161
    assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 0.013  # four standard deviations of 1 / √100,000


def test_counters_do_not_stand_in_for_each_other() -> None:
    few = np.arange(20)
    found = bits(few[:, None, None], few[:, None], few)
    assert len(np.unique(found)) == 20**3


def test_a_number_has_53_random_bits_and_never_reaches_one() -> None:
    found = uniform(3, np.arange(1000)) * 2**53
    assert (found == np.floor(found)).all()
    assert (found % 2 == 1).any()
