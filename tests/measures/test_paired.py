"""Two models on the same examples: the differences, their intervals, and who is right where."""

import pytest

from charlm.measures.classification import LabelMeasures, LabelSetMeasures
from charlm.measures.paired import RightAnswers, compare
from charlm.measures.reports import paired_lines
from charlm.measures.spans import TagMeasures
from charlm.measures.texts import TextMeasures

TRUTH = ["a", "b"] * 50


def test_the_difference_and_who_is_right() -> None:
    first, second = ["a"] * 100, ["a"] * 40 + ["b"] * 60
    paired = compare(LabelMeasures(TRUTH, first), LabelMeasures(TRUTH, second))
    assert paired.right == RightAnswers(both=20, first=30, second=30, neither=20)
    assert paired.difference["accuracy"] == 0
    low, high = paired.interval["accuracy"] or (0, 0)
    assert -0.16 < low < -0.13 and 0.13 < high < 0.16  # 1.96 · √0.6 / 10 = 0.152


def test_a_model_that_is_right_more_often_is_better_for_certain() -> None:
    paired = compare(LabelMeasures(TRUTH, TRUTH), LabelMeasures(TRUTH, ["a"] * 100))
    assert paired.difference["accuracy"] == 0.5
    assert all(bound > 0.3 for bound in paired.interval["accuracy"] or ())
    lines = paired_lines(("one", "other"), paired)
    assert lines[1].split()[:4] == ["accuracy", "1.0000", "0.5000", "+0.5000"]
    assert "on 100 examples: both right 50, only one 50, only other 0, neither 0" in lines
    assert all(len(line) <= 100 for line in lines)


def test_equal_answers_do_not_differ() -> None:
    paired = compare(LabelMeasures(TRUTH, TRUTH), LabelMeasures(TRUTH, TRUTH))
    assert paired.interval["accuracy"] == (0, 0) and paired.right == RightAnswers(100, 0, 0, 0)


def test_every_kind_of_answer_can_be_compared() -> None:
    sets = [LabelSetMeasures([("a",), ("a", "b")], answers) for answers in ([("a",), ("a",)], [("b",), ("a", "b")])]
    assert compare(sets[0], sets[1]).right == RightAnswers(0, 1, 1, 0)
    tags = [TagMeasures([["B-X", "O"], ["O"]], answers) for answers in ([["B-X", "O"], ["O"]], [["O", "O"], ["O"]])]
    assert compare(tags[0], tags[1]).right == RightAnswers(1, 1, 0, 0)
    texts = [TextMeasures(answers, [["a"], ["b"]]) for answers in (["a", "c"], ["d", "c"])]
    assert compare(texts[0], texts[1]).right == RightAnswers(0, 1, 0, 1)


def test_other_numbers_of_examples_are_refused() -> None:
    with pytest.raises(ValueError, match="2 and 1 answers cannot be compared"):
        compare(LabelMeasures(["a", "b"], ["a", "b"]), LabelMeasures(["a"], ["a"]))
