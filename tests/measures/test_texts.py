"""Edit distance, exact match, symbol error rate, chrF, and BLEU, by hand and against rapidfuzz and sacreBLEU."""

import random

import numpy as np
import pytest

from charlm.measures import bleu as bleu_module
from charlm.measures.chrf import chrf, statistics
from charlm.measures.edits import edit_distance, edit_distances
from charlm.measures.texts import TextMeasures


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [
        ("kitten", "sitting", 3),
        ("", "abc", 3),
        ("abc", "", 3),
        ("", "", 0),
        ("flaw", "lawn", 2),
        ("ab", "ba", 2),
        ("é😀", "e😀", 1),
        ("\udce9a", "a", 1),
        (["k", "æ", "t"], ["k", "t"], 1),
        (["ab"], ["a", "b"], 2),
    ],
)
def test_edit_distance_by_hand(a: str | list[str], b: str | list[str], distance: int) -> None:
    assert edit_distance(a, b) == distance


def texts(count: int, longest: int, seed: int = 0) -> list[str]:
    """Draw texts of a few letters, so that they have much in common."""
    source = random.Random(seed)
    return ["".join(source.choice("abcd é") for _ in range(source.randint(0, longest))) for _ in range(count)]


def test_many_distances_are_those_of_each_pair() -> None:
    first, second = texts(200, 12), texts(200, 12, seed=1)
    assert edit_distances(first, second).tolist() == [edit_distance(a, b) for a, b in zip(first, second, strict=True)]
    assert edit_distances(first, second).tolist() == edit_distances(second, first).tolist()
    assert edit_distances([], []).tolist() == []


@pytest.mark.parametrize(("count", "longest"), [(2000, 12), (50, 200)])
def test_rapidfuzz_has_the_same_distances(count: int, longest: int) -> None:
    oracle = pytest.importorskip("rapidfuzz.distance").Levenshtein
    first, second = texts(count, longest), texts(count, longest, seed=1)
    assert edit_distances(first, second).tolist() == [
        oracle.distance(*pair) for pair in zip(first, second, strict=True)
    ]


def test_rows_are_computed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = texts(50, 12), texts(50, 12, seed=1)
    whole = edit_distances(first, second).tolist()
    monkeypatch.setattr("charlm.measures.edits._MAX_CELLS", 30)
    assert edit_distances(first, second).tolist() == whole


def test_figures_by_hand() -> None:
    """ "cat" is right, "dig" has one wrong letter of three, "" lacks all four: 5 edits in 10 symbols."""
    measures = TextMeasures(["cat", "dig", ""], [["cat"], ["dog"], ["bird"]])
    figures = measures.figures()
    assert (figures["exact_match"], figures["symbol_error_rate"]) == pytest.approx((1 / 3, 5 / 10))
    assert (measures.exact, measures.edits) == (1, (5, 10))


def test_symbols_may_be_words() -> None:
    """One phone of three is missing."""
    figures = TextMeasures(["k æ"], [["k æ t"]], str.split).figures()
    assert figures["symbol_error_rate"] == pytest.approx(1 / 3)


def test_one_of_several_targets_is_enough_and_the_nearest_counts() -> None:
    """ "tomatos" is one edit from "tomatoes" (8 symbols), and more from the other target."""
    measures = TextMeasures(["tomatos", "b"], [["pomidori", "tomatoes"], ["a", "b"]])
    figures = measures.figures()
    assert (figures["exact_match"], figures["symbol_error_rate"]) == pytest.approx((1 / 2, 1 / 9))


def test_an_example_without_a_target_is_refused() -> None:
    with pytest.raises(ValueError, match="an example has no target"):
        TextMeasures(["a"], [[]])


def test_no_answers_have_no_figures() -> None:
    values = TextMeasures([], []).values()
    assert [values[name] for name in ("exact_match", "symbol_error_rate", "chrf", "bleu")] == [None] * 4


def test_chrf_by_hand() -> None:
    """ "ab" for "abc": unigrams 2 of 2 and 2 of 3, bigrams 1 of 1 and 1 of 2; the answer has no longer n-grams.

    Precision is 1, recall (2/3 + 1/2) / 2 = 7/12, and F2 is 5 · 7/12 / (4 + 7/12) = 7/11.
    """
    assert chrf(statistics("ab", ["abc"])) == pytest.approx(100 * 7 / 11)
    assert chrf(statistics("a b\tc", ["abc"])) == pytest.approx(100), "spaces do not count"
    assert chrf(statistics("abc", ["xyz"])) == 0
    assert chrf(statistics("", ["abc"])) == 0


@pytest.mark.parametrize("references", [1, 2])
def test_sacrebleu_has_the_same_chrf(references: int) -> None:
    """Figures agree to 1e-4, of one text and of all together."""
    sacrebleu = pytest.importorskip("sacrebleu")
    answers = texts(40, 30)
    columns = [[answer[:9] + other for answer, other in zip(answers, texts(40, 20, seed=1 + n), strict=True)]
               for n in range(references)]  # fmt: skip
    targets = list(zip(*columns, strict=True))
    expected = sacrebleu.corpus_chrf(answers, columns).score
    assert TextMeasures(answers, targets).figures()["chrf"] == pytest.approx(expected, abs=1e-4)
    for answer, each in zip(answers, targets, strict=True):
        expected = sacrebleu.sentence_chrf(answer, list(each)).score
        assert chrf(statistics(answer, each)) == pytest.approx(expected, abs=1e-4)


def test_bleu_is_that_of_sacrebleu_with_its_signature() -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    answers = ["the cat sat on the mat", "a dog barked at the moon"]
    targets = [["the cat sat on a mat"], ["the dog barked at the moon", "a dog barked"]]
    values = TextMeasures(answers, targets).values()
    expected = sacrebleu.corpus_bleu(answers, [["the cat sat on a mat", targets[1][0]], [None, "a dog barked"]])
    assert values["bleu"] == pytest.approx(expected.score) and 20 < expected.score < 90
    assert "tok:13a" in values["bleu_signature"]


def test_without_sacrebleu_one_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sacrebleu.metrics.bleu", None)
    values = TextMeasures(["a"], [["a"]]).values()
    assert values["bleu"] is None
    assert values["bleu_missing"] == bleu_module.MISSING == "BLEU needs sacreBLEU; install charlm-rnn[bleu]"


def test_weights_are_repeated_examples() -> None:
    answers, targets = texts(30, 9), [[text] for text in texts(30, 9, seed=1)]
    weights = np.arange(30) % 3
    repeated = [index for index, weight in enumerate(weights) for _ in range(weight)]
    many = TextMeasures([answers[i] for i in repeated], [targets[i] for i in repeated]).figures()
    assert TextMeasures(answers, targets).figures(weights.astype(np.float64)) == pytest.approx(many)
