"""Figures of labels, by hand and against scikit-learn."""

from math import exp, log
from typing import Any

import numpy as np
import pytest

from charlm.measures.classification import (
    LabelFigures,
    LabelMeasures,
    LabelSetMeasures,
    area_under_curve,
    calibration_error,
)

TRUTH = ["cat", "cat", "cat", "dog", "dog", "owl"]
ANSWERS = ["cat", "cat", "dog", "dog", "cat", "cat"]


def test_figures_by_hand() -> None:
    """cat: 2 of 4 answers right, 2 of 3 found. dog: 1 of 2, 1 of 2. owl: never answered."""
    measures = LabelMeasures(TRUTH, ANSWERS)
    assert measures.by_label() == {
        "cat": LabelFigures(1 / 2, 2 / 3, 4 / 7, support=3, predicted=4),
        "dog": LabelFigures(1 / 2, 1 / 2, 1 / 2, support=2, predicted=2),
        "owl": LabelFigures(0, 0, 0, support=1, predicted=0),
    }
    assert measures.figures() == pytest.approx({"accuracy": 1 / 2, "macro_f1": (4 / 7 + 1 / 2 + 0) / 3})
    assert measures.confusion() == {"cat": {"cat": 2, "dog": 1}, "dog": {"cat": 1, "dog": 1}, "owl": {"cat": 1}}


def test_a_label_that_is_not_in_the_truth_has_no_share_of_macro_f1() -> None:
    """cat: precision 1, recall 1/2, F1 2/3. The answer "bat" is an error of cat alone."""
    measures = LabelMeasures(["cat", "cat"], ["cat", "bat"])
    assert measures.figures()["macro_f1"] == pytest.approx(2 / 3)
    assert measures.by_label()["bat"] == LabelFigures(0, 0, 0, support=0, predicted=1)


def test_a_true_label_that_the_model_does_not_know_is_an_error() -> None:
    measures = LabelMeasures(["cat", "yak"], ["cat", "cat"], ["cat", "dog"], [[0.5, 0.5], [0.75, 0.25]])
    figures = measures.figures()
    assert figures["accuracy"] == 1 / 2 and measures.unknown == 1
    assert figures["log_loss"] == pytest.approx((log(2) + 52 * log(2)) / 2), "its probability counts as 2⁻⁵²"


def test_the_calibration_error_by_hand() -> None:
    """Two answers in the bin (0.6, 0.667], one right, mean 0.63; two in (0.933, 1], both right, mean 0.97."""
    confidence, right = np.array([0.62, 0.64, 0.95, 0.99]), np.array([1.0, 0.0, 1.0, 1.0])
    assert calibration_error(confidence, right) == pytest.approx((2 * (0.63 - 0.5) + 2 * (1 - 0.97)) / 4)


@pytest.mark.parametrize(("confidence", "same"), [(1 / 15, True), (1 / 15 + 1e-9, False), (1e-9, True)])
def test_a_bin_of_the_calibration_error_has_its_upper_bound(confidence: float, same: bool) -> None:
    """Together with 0.01, which is wrong: in one bin, the gaps add up before the absolute value is taken."""
    error = calibration_error(np.array([0.01, confidence]), np.array([0.0, 1.0]))
    gaps = (0.01, confidence - 1)
    assert error == pytest.approx(abs(sum(gaps)) / 2 if same else sum(map(abs, gaps)) / 2)


def test_a_certain_model_that_is_right_is_calibrated() -> None:
    assert calibration_error(np.ones(3), np.ones(3)) == 0


def test_two_labels_have_a_correlation_and_an_area() -> None:
    """By the four counts, 1 true positive, 2 true negatives, no false positive, 1 false negative: MCC is 2 / √12."""
    truth, answers = ["no", "no", "yes", "yes"], ["no", "no", "no", "yes"]
    probabilities = [[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]]
    figures = LabelMeasures(truth, answers, ["no", "yes"], probabilities).figures()
    assert figures["mcc"] == pytest.approx(2 / 12**0.5)
    assert figures["auc"] == pytest.approx(3 / 4), "of the four pairs, 0.3 is below 0.4"


def test_ties_count_half_of_an_area_and_one_class_has_none() -> None:
    assert area_under_curve(np.array([0.5, 0.5]), np.array([0.0, 1.0])) == 0.5
    assert area_under_curve(np.array([0.5, 0.7]), np.array([1.0, 1.0])) is None


def test_several_labels_by_hand() -> None:
    """a: 2 right of 2 answers and 2 true, F1 1. b: 0 right of 1 answer and 1 true, F1 0. c: never true."""
    truth, answers = [("a", "b"), ("a",), ()], [("a",), ("a", "b", "c"), ()]
    measures = LabelSetMeasures(truth, answers)
    assert measures.figures() == pytest.approx({"accuracy": 1 / 3, "macro_f1": 1 / 2, "micro_f1": 2 * 2 / (4 + 3)})
    assert measures.by_label()["b"] == LabelFigures(0, 0, 0, support=1, predicted=1)


def test_the_order_of_several_labels_and_repeated_ones_do_not_count() -> None:
    assert LabelSetMeasures([("a", "b")], [("b", "a", "a")]).figures()["accuracy"] == 1


def test_no_examples_have_no_figures() -> None:
    assert LabelMeasures([], [], ["a", "b"], np.zeros((0, 2))).figures() == dict.fromkeys(
        ("accuracy", "macro_f1", "calibration_error", "log_loss", "mcc", "auc")
    )
    assert LabelSetMeasures([], []).figures() == dict.fromkeys(("accuracy", "macro_f1", "micro_f1"))


def test_one_answer_for_each_example() -> None:
    with pytest.raises(ValueError, match="1 answers were given for 2 examples"):
        LabelMeasures(["a", "b"], ["a"])


def test_values_have_the_naive_answer_and_intervals() -> None:
    values = LabelMeasures(TRUTH, ANSWERS).values({"majority": LabelMeasures(TRUTH, ["cat"] * 6)})
    assert values["naive"] == pytest.approx({"accuracy": 1 / 2, "macro_f1": (2 / 3) / 3})
    low, high = values["interval"]["accuracy"]
    assert 0 <= low < 0.5 < high <= 1
    assert values["labels"]["dog"]["support"] == 2 and values["confusion"]["owl"] == {"cat": 1}


def drawn(labels: list[str], examples: int = 300) -> tuple[list[str], list[str], Any]:
    """Draw truth, answers, and probabilities; the likeliest label is the answer, and right half of the time."""
    random = np.random.default_rng(len(labels))
    probabilities = random.dirichlet(np.ones(len(labels)), examples)
    answers = probabilities.argmax(1)
    truth = np.where(random.random(examples) < 0.5, answers, random.integers(0, len(labels), examples))
    return [labels[i] for i in truth], [labels[i] for i in answers], probabilities


@pytest.mark.parametrize("labels", [["no", "yes"], ["a", "b", "c"], [f"label {i}" for i in range(9)]])
def test_scikit_learn_has_the_same_figures(labels: list[str]) -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    truth, answers, probabilities = drawn(labels)
    measures = LabelMeasures(truth, answers, labels, probabilities)
    figures = measures.figures()
    assert figures["accuracy"] == pytest.approx(sklearn.accuracy_score(truth, answers))
    assert figures["macro_f1"] == pytest.approx(sklearn.f1_score(truth, answers, average="macro"))
    assert figures["log_loss"] == pytest.approx(sklearn.log_loss(truth, probabilities, labels=labels))
    if len(labels) == 2:
        assert figures["mcc"] == pytest.approx(sklearn.matthews_corrcoef(truth, answers))
        assert figures["auc"] == pytest.approx(sklearn.roc_auc_score([t == "yes" for t in truth], probabilities[:, 1]))
    expected = np.transpose(sklearn.precision_recall_fscore_support(truth, answers, labels=labels))
    assert np.allclose([measures.by_label()[label][:4] for label in labels], expected)


def test_weights_are_repeated_examples() -> None:
    truth, answers, probabilities = drawn(["no", "yes"], 40)
    weights = np.arange(40) % 3
    repeated = [index for index, weight in enumerate(weights) for _ in range(weight)]
    many = LabelMeasures(
        [truth[i] for i in repeated], [answers[i] for i in repeated], ["no", "yes"], probabilities[repeated]
    )
    once = LabelMeasures(truth, answers, ["no", "yes"], probabilities)
    assert once.figures(weights.astype(np.float64)) == pytest.approx(many.figures())
    sets = LabelSetMeasures([(label,) for label in truth], [(label,) for label in answers])
    assert sets.figures(weights.astype(np.float64))["accuracy"] == pytest.approx(many.figures()["accuracy"])


def test_the_log_loss_is_in_nats() -> None:
    measures = LabelMeasures(["a"], ["a"], ["a", "b"], [[exp(-1), 1 - exp(-1)]])
    assert measures.figures()["log_loss"] == pytest.approx(1)
