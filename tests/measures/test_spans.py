"""Schemes of tags, spans, their figures, and the likeliest valid tags."""

from itertools import pairwise, product

import numpy as np
import pytest

from charlm.measures.classification import LabelFigures
from charlm.measures.schemes import Scheme, moves, recognize, spans, strict_spans
from charlm.measures.spans import TagMeasures
from charlm.measures.viterbi import best_path


@pytest.mark.parametrize(
    ("tags", "scheme", "misplaced"),
    [
        ("B-PER I-PER O B-LOC B-LOC", Scheme.IOB2, 0),
        ("I-PER I-PER O I-LOC B-LOC", Scheme.IOB1, 0),
        ("I-PER O", Scheme.IOB1, 0),
        ("B-PER O", Scheme.IOB2, 0),
        ("B-PER I-PER I-LOC B-LOC", Scheme.IOB2, 1),  # as IOB1, the first B would be misplaced too
        ("B-PER E-PER S-LOC", Scheme.IOBES, 0),
        ("B-PER O S-LOC", Scheme.IOBES, 1),
        ("B-PER L-PER U-LOC", Scheme.BILOU, 0),
        ("B I O B", Scheme.IOB2, 0),
        ("DET NOUN X", Scheme.PLAIN, 0),
        ("B-PER E-PER U-LOC", Scheme.PLAIN, 0),
        ("O O", Scheme.PLAIN, 0),
        ("", Scheme.PLAIN, 0),
    ],
)
def test_the_scheme_is_read_from_the_tags(tags: str, scheme: Scheme, misplaced: int) -> None:
    assert recognize([tags.split()]) == (scheme, misplaced)


def test_a_sentence_ends_a_span() -> None:
    assert recognize([["B-PER"], ["I-PER"]]) == (Scheme.IOB2, 1)
    assert recognize([["B-PER"], ["B-PER", "I-PER"]]) == (Scheme.IOB2, 0)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("I-NP I-NP O", [(0, 2, "NP")]),
        ("B-NP B-NP", [(0, 1, "NP"), (1, 2, "NP")]),
        ("I-NP B-NP I-NP", [(0, 1, "NP"), (1, 3, "NP")]),
        ("B-NP I-VP", [(0, 1, "NP"), (1, 2, "VP")]),
        ("O I-NP", [(1, 2, "NP")]),
        ("B-NP E-NP I-NP", [(0, 2, "NP"), (2, 3, "NP")]),
        ("S-NP S-NP O S-VP", [(0, 1, "NP"), (1, 2, "NP"), (3, 4, "VP")]),
        ("U-NP L-NP", [(0, 1, "NP"), (1, 2, "NP")]),
        ("B I O", [(0, 2, "")]),
        ("B-X-1 I-X-1 I-X-2", [(0, 2, "X-1"), (2, 3, "X-2")]),
        ("O O", []),
        ("", []),
    ],
)
def test_spans_by_the_rules_of_conlleval(tags: str, expected: list[tuple[int, int, str]]) -> None:
    assert spans(tags.split()) == expected


@pytest.mark.parametrize(
    ("scheme", "tags", "expected"),
    [
        (Scheme.IOB2, "I-NP I-NP O", []),
        (Scheme.IOB1, "I-NP I-NP O", [(0, 2, "NP")]),
        (Scheme.IOB1, "B-NP I-NP", []),
        (Scheme.IOB1, "I-NP B-NP I-NP", [(0, 1, "NP"), (1, 3, "NP")]),
        (Scheme.IOB1, "I-VP B-NP", [(0, 1, "VP")]),
        (Scheme.IOB2, "B-NP I-VP", [(0, 1, "NP")]),
        (Scheme.IOBES, "B-NP I-NP E-NP S-VP", [(0, 3, "NP"), (3, 4, "VP")]),
        (Scheme.IOBES, "B-NP O S-NP", [(2, 3, "NP")]),
        (Scheme.BILOU, "B-NP L-NP U-VP I-VP", [(0, 2, "NP"), (2, 3, "VP")]),
    ],
)
def test_strict_spans_are_marked_as_the_scheme_demands(
    scheme: Scheme, tags: str, expected: list[tuple[int, int, str]]
) -> None:
    assert strict_spans(scheme, tags.split()) == expected


def test_the_well_known_difference_between_conlleval_and_strict() -> None:
    measures = TagMeasures([["I-NP", "I-NP", "O"]], [["I-NP", "I-NP", "O"]], Scheme.IOB2)
    assert measures.figures()["span_f1"] == 1
    assert measures.strict() == {"span_precision": None, "span_recall": None, "span_f1": None}


def test_figures_of_spans_by_hand() -> None:
    """Three true spans, three predicted, two right: the last one has the wrong type."""
    truth = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-ORG"]]
    answers = [["B-PER", "I-PER", "O", "I-LOC"], ["O", "B-LOC"]]
    measures = TagMeasures(truth, answers)
    assert measures.scheme is Scheme.IOB2
    figures = measures.figures()
    assert figures.pop("sentence_accuracy") == 0
    assert figures == pytest.approx(
        {"token_accuracy": 4 / 6, "span_precision": 2 / 3, "span_recall": 2 / 3, "span_f1": 2 / 3}
    )
    assert measures.by_label() == {
        "LOC": LabelFigures(1 / 2, 1, 2 / 3, support=1, predicted=2),
        "ORG": LabelFigures(0, 0, 0, support=1, predicted=0),
        "PER": LabelFigures(1, 1, 1, support=1, predicted=1),
    }
    assert measures.strict() == pytest.approx({"span_precision": 1 / 2, "span_recall": 1 / 3, "span_f1": 2 / 5})


def test_plain_tags_have_no_spans() -> None:
    measures = TagMeasures([["DET", "NOUN"], ["VERB"]], [["DET", "VERB"], ["VERB"]])
    figures = measures.figures()
    assert (figures["token_accuracy"], figures["sentence_accuracy"]) == pytest.approx((2 / 3, 1 / 2))
    assert figures["span_f1"] is None
    values = measures.values()
    assert values["scheme"] == "plain"
    assert values["labels"]["VERB"]["precision"] == 1 / 2 and values["confusion"]["NOUN"] == {"VERB": 1}


def test_the_interval_of_spans_is_over_sentences() -> None:
    truth = [["B-X", "O"]] * 8
    answers = [["B-X", "O"]] * 4 + [["O", "O"]] * 4
    low, high = TagMeasures(truth, answers).intervals()["span_recall"] or (0, 0)
    assert 0 < low < 0.5 < high < 1


def test_a_tag_for_each_token() -> None:
    with pytest.raises(ValueError, match="1 answers were given for 2 examples"):
        TagMeasures([["O", "O"]], [["O"]])


def valid(scheme: Scheme, tags: tuple[str, ...]) -> bool:
    """Whether tags are valid, by their spans: written otherwise, they would have other tags."""
    starts = {span.start: span for span in spans(tags)}
    written = ["O"] * len(tags)
    for start, span in starts.items():
        length = span.end - start
        begin, last, single = {"IOB2": "BIB", "IOBES": "BES", "BILOU": "BLU"}[scheme]
        if length == 1:
            written[start] = f"{single}-{span.type}"
        else:
            marks = [begin, *["I"] * (length - 2), last]
            written[start : span.end] = [f"{mark}-{span.type}" for mark in marks]
    return tuple(written) == tags


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        (Scheme.IOB2, "O B-x I-x B-y I-y"),
        (Scheme.IOBES, "O B-x I-x E-x S-x B-y E-y"),
        (Scheme.BILOU, "O B-x I-x L-x U-x B-y L-y"),
    ],
)
def test_moves_allow_the_valid_sentences_and_no_others(scheme: Scheme, tags: str) -> None:
    names = tags.split()
    allowed = moves(scheme, names)
    for sentence in product(range(len(names)), repeat=3):
        path = [len(names), *sentence, len(names)]
        possible = all(allowed[before, after] for before, after in pairwise(path))
        assert possible == valid(scheme, tuple(names[tag] for tag in sentence)), sentence


def test_in_iob1_only_b_is_bound() -> None:
    allowed = moves(Scheme.IOB1, ["O", "B-x", "I-x", "I-y"])
    assert allowed[:, 0].all() and allowed[:, 2].all() and allowed[:, 4].all()
    assert allowed[:, 1].tolist() == [False, True, True, False, False]
    assert moves(Scheme.PLAIN, ["a", "b"]).all()


@pytest.mark.parametrize("seed", range(5))
def test_the_best_path_is_the_best_of_all_valid_ones(seed: int) -> None:
    names = ["O", "B-x", "I-x", "B-y", "I-y"]
    allowed = moves(Scheme.IOB2, names)
    logprobs = np.log(np.random.default_rng(seed).dirichlet(np.ones(5), 4))

    def total(path: tuple[int, ...]) -> float:
        around = [5, *path, 5]
        possible = all(allowed[a, b] for a, b in pairwise(around))
        return sum(logprobs[step, tag] for step, tag in enumerate(path)) if possible else -np.inf

    best = max(product(range(5), repeat=4), key=total)
    assert tuple(best_path(logprobs, allowed)) == best


def test_without_bounds_the_best_path_has_the_likeliest_tags() -> None:
    logprobs = np.log([[0.1, 0.9], [0.8, 0.2]])
    assert best_path(logprobs, np.ones((3, 3), dtype=bool)).tolist() == [1, 0]
    assert best_path(np.zeros((0, 2)), np.ones((3, 3), dtype=bool)).tolist() == []


def test_a_path_exists_though_no_tag_is_possible() -> None:
    """With I-x and I-y alone, each sentence has a misplaced tag, and one with a change of type has two."""
    allowed = moves(Scheme.IOB2, ["I-x", "I-y"])
    assert best_path(np.log([[0.6, 0.4], [0.2, 0.8]]), allowed).tolist() == [1, 1]
    with np.errstate(divide="ignore"):
        certain = np.log([[1.0, 0.0], [0.0, 1.0]])
    assert len(best_path(certain, allowed)) == 2
