"""The held-out part: by the text alone, with the share of each label, and at the end of a series."""

from collections import Counter

import numpy as np
import pytest

import charlm
from charlm.examples import Example, Labeled, Pair, Place, Series, Tagged
from charlm.examples.holding_out import hold_out, overlap
from charlm.examples.reading import Examples


def examples(items: list[Example], task: str = "classify") -> Examples:
    return Examples(tuple(items), task, "table", "")


def labeled(counts: dict[str, int]) -> Examples:
    return examples([Labeled(f"{label} {n}", (label,)) for label, count in counts.items() for n in range(count)])


def test_each_label_keeps_its_share() -> None:
    train, valid = hold_out(labeled({"a": 100, "b": 50, "c": 10}), 0.2)
    assert Counter(each.labels[0] for each in valid.items if isinstance(each, Labeled)) == {"a": 20, "b": 10, "c": 2}
    assert len(train) == 128 and overlap(train, valid) == 0


def test_the_part_depends_on_the_texts_and_not_on_their_order() -> None:
    everything = labeled({"a": 40, "b": 40})
    _, valid = hold_out(everything, 0.1)
    _, other = hold_out(examples(list(reversed(everything.items))), 0.1)
    assert set(valid.items) == set(other.items) and len(valid) == 8


@pytest.mark.parametrize(
    "items",
    [
        [Labeled(f"t{n % 20}", ("a",)) for n in range(100)],
        [Pair(f"s{n % 20}", f"t{n}") for n in range(100)],
        [Tagged((f"w{n % 20}", "x"), ("A", "B")) for n in range(100)],
    ],
    ids=["classify", "pair", "tag"],
)
def test_equal_texts_fall_on_one_side(items: list[Example]) -> None:
    train, valid = hold_out(examples(items), 0.1)
    assert (len(train), len(valid), overlap(train, valid)) == (90, 10, 0)


def test_many_rare_labels_do_not_enlarge_the_part() -> None:
    train, valid = hold_out(labeled({f"l{n}": 2 for n in range(100)}), 0.1)
    assert (len(train), len(valid)) == (180, 20)


def test_a_label_with_one_text_stays_in_the_training_part_and_is_named() -> None:
    items: list[Example] = [Labeled(f"t{n}", ("common",)) for n in range(10)]
    train, valid = hold_out(examples([*items, Labeled("x", ("rare",), Place("a.csv", 12))]), 0.5)
    assert train.notes == ("only one text has the label 'rare' (a.csv:12), so it is not held out",)
    assert Labeled("x", ("rare",)) in train.items and len(valid) == 5 and valid.notes == ()


def test_a_small_fraction_holds_one_text_out_if_there_are_two() -> None:
    assert len(hold_out(labeled({"a": 2}), 0.01)[1]) == 1
    assert len(hold_out(labeled({"a": 1}), 0.5)[1]) == 0
    assert len(hold_out(labeled({"a": 9}), 0)[1]) == 0


def test_a_series_is_cut_in_time() -> None:
    series = Series("A", tuple("0123456789"), np.arange(10.0), np.arange(20.0).reshape(10, 2))
    short = Series("B", ("0",), np.ones(1), np.zeros((1, 0)))
    train, valid = hold_out(examples([series, short], "series"), 0.3)
    first, alone = train.items
    (last,) = valid.items
    assert isinstance(first, Series) and isinstance(last, Series) and isinstance(alone, Series)
    assert (first.values.tolist(), last.values.tolist()) == ([0, 1, 2, 3, 4, 5, 6], [7, 8, 9])
    assert (last.times, last.inputs.tolist()) == (("7", "8", "9"), [[14, 15], [16, 17], [18, 19]])
    assert alone.name == "B"


def test_an_overlap_is_counted() -> None:
    train = examples([Labeled("a", ("x",)), Labeled("b", ("x",))])
    valid = examples([Labeled("a", ("y",)), Labeled("a", ("x",)), Labeled("c", ("x",))])
    assert overlap(train, valid) == 2


@pytest.mark.parametrize("fraction", [-0.1, 1, float("nan")])
def test_a_fraction_out_of_range_is_refused(fraction: float) -> None:
    with pytest.raises(charlm.ConfigError, match=r"valid_fraction is .*; it must be at least 0 and less than 1"):
        hold_out(labeled({"a": 3}), fraction)
