"""Curves in one line."""

from hypothesis import given
from hypothesis import strategies as st

from charlm.cli.view.plot import sparkline

NUMBERS = st.lists(st.floats(0, 1e6), max_size=200)


@given(NUMBERS, st.integers(-3, 120))
def test_it_has_a_column_for_each_value_or_as_many_as_there_is_room(values: list[float], width: int) -> None:
    assert len(sparkline(values, width)) == max(0, min(width, len(values)))


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=60))
def test_a_higher_value_never_stands_lower(values: list[float]) -> None:
    levels = sparkline(values, len(values))
    for value, level in zip(values, levels, strict=True):
        assert all(level <= other for more, other in zip(values, levels, strict=True) if more >= value)


def test_a_falling_loss_falls_from_full_to_empty() -> None:
    drawn = sparkline([4.0, 3.0, 2.5, 2.2, 2.1, 2.05, 2.01, 2.0], 8)
    assert (drawn[0], drawn[-1]) == ("█", "▁")
    assert list(drawn) == sorted(drawn, reverse=True)
    assert sparkline([2.0, 2.0], 2) == "▁▁"
