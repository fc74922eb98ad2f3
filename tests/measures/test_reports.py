"""Reports: the layouts of scikit-learn and conlleval, confusion matrices, and names from the user."""

import numpy as np
import pytest
from rich.cells import cell_len

from charlm.measures import Measures
from charlm.measures.classification import LabelMeasures, LabelSetMeasures
from charlm.measures.forecasts import Forecast, SeriesMeasures
from charlm.measures.naive import majority
from charlm.measures.reports import WIDTH, confusion_lines, conlleval_lines, report
from charlm.measures.spans import TagMeasures
from charlm.measures.texts import TextMeasures

TRUTH = ["cat", "cat", "cat", "dog", "dog", "owl"]
ANSWERS = ["cat", "cat", "dog", "dog", "cat", "cat"]


def test_a_table_of_labels_has_the_layout_of_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    lines = report(LabelMeasures(TRUTH, ANSWERS))
    expected = sklearn.classification_report(TRUTH, ANSWERS, digits=4, zero_division=0).rstrip("\n").split("\n")
    table = lines[: len(expected)]
    assert [line.split() for line in table] == [line.split() for line in expected]


def test_a_report_of_labels_has_figures_intervals_the_naive_answer_and_the_confusion() -> None:
    naive = LabelMeasures(TRUTH, [majority(TRUTH)] * len(TRUTH))
    lines = report(LabelMeasures(TRUTH, ANSWERS), {"majority": naive})
    assert lines[10] == "                            value          95 % interval         majority"
    (accuracy,) = (line for line in lines if line.startswith("accuracy  "))
    assert accuracy.split() == ["accuracy", "0.5000", "0.1667", "to", "0.8333", "0.5000"]
    assert lines[-4:] == [
        "true \\ answer    cat    dog    owl",
        "          cat      2      1      0",
        "          dog      1      1      0",
        "          owl      1      0      0",
    ]


def test_more_than_twelve_labels_have_no_confusion_matrix() -> None:
    labels = [f"label {number}" for number in range(13)]
    assert confusion_lines(LabelMeasures(labels, labels)) == []
    assert len(confusion_lines(LabelMeasures(labels[:12], labels[:12]))) == 13


def test_many_labels_are_cut_to_the_most_frequent() -> None:
    labels = [f"label {number:02}" for number in range(70)]
    lines = report(LabelMeasures([*labels, "label 69"], [*labels, "label 69"]))
    assert "… and 20 labels with less support; JSON has all of them" in lines
    assert any(line.startswith("    label 69") for line in lines)


def test_spans_have_the_layout_of_conlleval() -> None:
    """The numbers are those that conlleval.pl prints for these tags."""
    truth = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-ORG"]]
    answers = [["B-PER", "I-PER", "O", "I-LOC"], ["O", "B-LOC"]]
    assert conlleval_lines(TagMeasures(truth, answers)) == [
        "processed 6 tokens with 3 phrases; found: 3 phrases; correct: 2.",
        "accuracy:  66.67%; precision:  66.67%; recall:  66.67%; FB1:  66.67",
        "              LOC: precision:  50.00%; recall: 100.00%; FB1:  66.67  2",
        "              ORG: precision:   0.00%; recall:   0.00%; FB1:   0.00  0",
        "              PER: precision: 100.00%; recall: 100.00%; FB1: 100.00  1",
    ]
    lines = report(TagMeasures(truth, answers))
    assert lines[-1] == "strictly by IOB2: span precision 0.5000, span recall 0.3333, span F1 0.4000"


def test_plain_tags_are_reported_as_labels() -> None:
    lines = report(TagMeasures([["DET", "NOUN"]], [["DET", "VERB"]]))
    assert lines[0].split() == ["precision", "recall", "f1-score", "support"]
    assert not any(line.startswith("span") for line in lines)
    assert "         NOUN      0      0      1" in lines


def test_texts_have_counts_and_percentages() -> None:
    lines = report(TextMeasures(["cat", "dig", ""], [["cat"], ["dog"], ["bird"]]))
    assert "2 of 3 answers differ from the target (66.67 %), by 5 edits in 10 symbols" in lines
    assert lines[-1].startswith("BLEU ")


def test_series_have_a_line_for_each_level() -> None:
    values = np.array([1.0, 2.0])
    forecast = Forecast(values, {80: (values - 1, values + 1)})
    lines = report(SeriesMeasures([values, values], [forecast] * 2, [values, np.ones(3)], season=12))
    assert lines[0] == "2 series, season 12"
    assert "intervals of 80 %: 1.0000 of the values are inside, MSIS 2.0000, pinball loss 0.1" in lines
    assert lines[-1] == "MASE and MSIS leave out 1 series: the history is constant"


HOSTILE = ["\x1b[31mred\x1b[0m", "two\nlines", "tab\tbed", "日本語" * 30, "x" * 500, "\udce9", "e\u0301" * 60, ""]


@pytest.mark.parametrize(
    "measures",
    [
        LabelMeasures(HOSTILE, HOSTILE),
        LabelMeasures([f"{'x' * 90}{n}" for n in range(12)], [f"{'x' * 90}{n}" for n in range(12)]),
        LabelMeasures(["a"] * 2_000_000, ["a"] * 2_000_000),
        LabelSetMeasures([HOSTILE], [HOSTILE]),
        TagMeasures([[f"B-{name}" for name in HOSTILE]], [[f"B-{name}" for name in HOSTILE]]),
        TagMeasures([HOSTILE], [HOSTILE]),
        TextMeasures(HOSTILE, [[text] for text in HOSTILE]),
    ],
    ids=["hostile", "long", "many", "sets", "spans", "plain", "texts"],
)
def test_lines_are_plain_and_fit_into_the_width(measures: Measures, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charlm.measures.bootstrap.DRAWS", 3)
    monkeypatch.setattr("charlm.measures.bootstrap._FEWEST_DRAWS", 3)
    monkeypatch.setattr("charlm.measures.texts.bleu", lambda answers, targets: None)
    for line in report(measures, {"\x1b[1mmost\nfrequent of all": measures, "two": measures, "three": measures}):
        assert cell_len(line) <= WIDTH
        assert all(letter == " " or letter.isprintable() or "\u0300" <= letter <= "\u036f" for letter in line), line


@pytest.mark.parametrize(
    "measures",
    [LabelMeasures([], []), LabelSetMeasures([], []), TagMeasures([], []), TextMeasures([], []),
     SeriesMeasures([], [], [])],
)  # fmt: skip
def test_no_examples_have_dashes(measures: Measures) -> None:
    lines = report(measures)
    assert any("–" in line for line in lines)
