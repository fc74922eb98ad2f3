"""`charlm compare`, and pairs of a good and a bad sentence in `compare` and `score`."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import LINES, TINY, Outcome
from numpy_ngram import KneserNey

import charlm
from charlm.cli import compare as command
from charlm.comparison import baseline
from charlm.data import corpus
from charlm.data.documents import Document
from charlm.data.split import hold_out

Run = Callable[..., Outcome]
PAIRS = "the cat ran\tthe cat rna\t2\na dog sat\ta dog sta\t10\nthe cats slept\tthe cats stpel\t10\n"


@pytest.fixture
def known(run: Run, tmp_path: Path) -> str:
    """A tiny model that has learned little of lines.txt, in the folder where commands run, by name."""
    (tmp_path / "lines.txt").write_text(LINES)
    (tmp_path / "new.txt").write_text("the cat ran\na dog slept\nthe cats sat\n")
    assert run("train", "lines.txt", "--steps", 5, *TINY, "-q").code == 0
    return "lines"


def test_json_has_both_models_the_interval_and_the_places(run: Run, known: str, line_folder: Path) -> None:
    done = run("compare", known, line_folder, "--file", "new.txt", "--json")
    value = json.loads(done.out)
    assert list(value) == ["a", "b", "difference", "interval", "lines", "characters", "left_out", "places"]
    assert (value["a"]["model"], value["b"]["model"]) == (known, str(line_folder))
    for side, folder in ("a", "checkpoints/lines"), ("b", line_folder):
        (evaluated,) = map(json.loads, run("evaluate", "new.txt", "-m", folder, "--json").out.splitlines())
        assert value[side]["bits_per_char"] == pytest.approx(evaluated["bits_per_char"], rel=1e-6)
    low, high = value["interval"]
    assert low <= value["difference"] <= high
    assert {stretch["better"] for stretch in value["places"]} <= {"a", "b"} and value["places"]
    for stretch in value["places"]:
        assert (stretch["bits"][0] < stretch["bits"][1]) == (stretch["better"] == "a")


def test_people_see_who_is_better_and_whether_that_is_sure(run: Run, known: str, line_folder: Path) -> None:
    done = run("compare", known, line_folder, "--file", "new.txt")
    assert done.code == 0 and "bits per character" in done.out and "95 %" in done.out
    assert f"lower is better: {line_folder} wins" in done.out
    same = run("compare", known, known, "the cat", "a dog")
    assert "it contains 0: neither wins" in same.out and "on 2 lines, 14 characters" in same.out
    alone = run("compare", known, "kn2", "the cat")
    assert "no interval: it needs at least 2 lines" in alone.out
    assert max(map(len, alone.out.splitlines())) <= 60


def test_words_have_an_upper_bound_and_an_ngram_of_words(run: Run, known: str) -> None:
    """The text of both is the same, whatever their tokens: 11 + 11 + 12 letters and three line ends."""
    assert run("train", "lines.txt", "--tokenizer", "word", "--model", "words", "--steps", 20, *TINY, "-q").code == 0
    done = run("compare", known, "words", "--file", "new.txt")
    assert "words: an upper bound, for one tokenization of the text" in done.out and f"{known}: an" not in done.out
    value = json.loads(run("compare", "words", "kn2", "--file", "new.txt", "--json").out)
    assert value["characters"] == 37 and value["b"]["bits_per_char"] < value["a"]["bits_per_char"]


def test_the_ngram_learns_what_the_model_learned_and_nothing_held_out(run: Run, known: str) -> None:
    done = run("compare", known, "kn3", "--file", "new.txt", "--json")
    learned = hold_out([Document("", LINES)], "line", 0.1).train
    assert f"{learned.characters:,} characters of lines.txt, the training text of checkpoints/lines" in done.err
    assert learned.characters < len(LINES)
    model = charlm.load("checkpoints/lines")
    value = json.loads(done.out)
    assert value["b"]["model"] == "kn3"
    T = model.tokenizer
    laid = [np.array([T.START, *T.encode(line), T.EOS], dtype=np.int32) for line in learned]
    kneser_ney = KneserNey.train(np.concatenate(laid), 3, model.network.allowed_tokens.numpy())
    rows = [[T.START, *T.encode(line), T.EOS] for line in Path("new.txt").read_text().splitlines()]
    nats = -sum(float(result.sum()) for result in kneser_ney.log_probabilities([np.array(row) for row in rows]))
    assert value["b"]["bits_per_char"] == pytest.approx(nats / 0.6931471805599453 / value["characters"])
    assert (
        json.loads(run("compare", "kn3", known, "--file", "new.txt", "--json").out)["difference"]
        == -value["difference"]
    )


def test_a_corpus_that_has_changed_is_not_what_the_ngram_should_learn(run: Run, known: str) -> None:
    Path("lines.txt").write_text(LINES + "one more\n")
    done = run("compare", known, "kn3", "the cat")
    assert (done.code, done.out) == (1, "") and "lines.txt has changed" in done.err and "--train" in done.err
    output = run("compare", known, "kn3", "the cat", "--train", "lines.txt")
    assert output.code == 0 and "which is not the training text of checkpoints/lines" in output.err
    assert f"{len(LINES) + 9:,} characters" in output.err, "all of it is learned"
    Path("lines.txt").unlink()
    gone = run("compare", known, "kn3", "the cat")
    assert gone.code == 2 and "--train" in gone.err


def test_the_text_that_was_learned_is_no_test(run: Run, known: str) -> None:
    assert "use held-out text" in run("compare", known, "kn3", "--file", "lines.txt").err
    Path("other.txt").write_text("the dog ran\na cat slept\n")
    assert "use held-out text" not in run("compare", known, "kn3", "--file", "other.txt").err


def test_the_ngram_learns_from_a_text_that_is_read_from_disk(
    run: Run, known: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run("compare", known, "kn3", "the cat", "--json").out
    monkeypatch.setattr(corpus, "IN_MEMORY", 10)
    assert run("compare", known, "kn3", "the cat", "--json").out == expected
    monkeypatch.setattr(baseline, "MOST_CHARACTERS", 10)
    refused = run("compare", known, "kn3", "the cat")
    assert (refused.code, refused.out) == (1, "")
    assert f"lines.txt has {len(LINES):,} characters; the counts of an n-gram are kept in memory" in refused.err


def test_the_ngram_of_a_model_with_held_out_files_learns_its_whole_corpus(run: Run, known: str) -> None:
    options = ["--valid", "new.txt", "--model", "all", "--steps", 20, *TINY, "-q"]
    assert run("train", "lines.txt", *options).code == 0
    assert f"learns from {len(LINES):,} characters" in run("compare", "all", "kn2", "the cat").err


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["kn3", "kn4", "the cat"], 2, "name a model"),
        (["lines", "line", "the cat"], 3, "did you mean lines"),
        (["lines", "kn0", "the cat"], 2, "order"),
        (["lines", "kn100", "the cat"], 2, "order"),
        (["lines", "lines", "the cat", "--train", "lines.txt"], 2, "--train"),
        (["lines", "lines", "the cat", "--pairs", "pairs.tsv"], 2, "not both"),
        (["lines", "lines", "été"], 1, "every line"),
        (["lines", "kn3", "--file", "nowhere"], 2, "nowhere"),
    ],
)
def test_what_cannot_be_compared_is_a_sentence(
    run: Run, known: str, arguments: list[str], code: int, word: str
) -> None:
    Path("pairs.tsv").write_text(PAIRS)
    done = run("compare", *arguments)
    assert (done.code, done.out) == (code, "") and word in done.err.splitlines()[-1]


def test_more_than_memory_should_hold_is_not_compared(run: Run, known: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_MAX_CHARACTERS", 10)
    refused = run("compare", known, known, "the cat", "a dog")
    assert (refused.code, refused.out) == (1, "")
    assert "the text has 12 characters, too many to compare; give at most 10" in refused.err


def test_pairs_are_counted_by_group_in_the_order_of_numbers(run: Run, line_folder: Path) -> None:
    Path("pairs.tsv").write_text(PAIRS)
    value = json.loads(run("score", "-m", line_folder, "--pairs", "pairs.tsv", "--json").out)
    assert [(each["group"], each["pairs"]) for each in value["groups"]] == [("2", 1), ("10", 2)]
    model = charlm.load(line_folder)
    sentences = [line.split("\t")[:2] for line in PAIRS.splitlines()]
    right = sum(model.score(good).logprob > model.score(bad).logprob for good, bad in sentences)
    assert (value["right"], value["pairs"], value["accuracy"]) == (right, 3, right / 3)
    turned = "".join(f"{bad}\t{good}\n" for good, bad in sentences)
    Path("turned.tsv").write_text(turned)
    assert json.loads(run("score", "-m", line_folder, "--pairs", "turned.tsv", "--json").out)["right"] == 3 - right
    shown = run("score", "-m", line_folder, "--pairs", "pairs.tsv").out
    assert f"{right / 3:.4f}" in shown and "end included" in shown and max(map(len, shown.splitlines())) <= 60


def test_a_pair_of_equals_is_not_right_and_unknown_characters_are_told(run: Run, line_folder: Path) -> None:
    Path("pairs.tsv").write_text("été\thôtel\n")
    done = run("score", "-m", line_folder, "--pairs", "pairs.tsv", "--json")
    assert json.loads(done.out) == {"right": 0, "pairs": 1, "accuracy": 0.0, "groups": [], "eos": True}
    assert "2 sentences with an unknown character" in done.err


def test_a_quoted_sentence_of_a_pair_is_read_without_its_quotes(run: Run, line_folder: Path) -> None:
    """As CSV writers quote it; a sentence that only begins with a quotation mark stays the same."""
    counts = []
    for text in ("the cat ran\tthe cat zzz\n", '"the cat ran"\t"the cat zzz"\n', '"the" cat ran\t"the" cat zzz\n'):
        Path("pairs.tsv").write_text(text)
        done = run("score", "-m", line_folder, "--pairs", "pairs.tsv", "--json")
        counts.append((json.loads(done.out)["right"], "2 sentences with an unknown character" in done.err))
    assert counts == [(1, False), (1, False), (0, True)]


def test_pairs_compare_two_models(run: Run, known: str, line_folder: Path) -> None:
    Path("pairs.tsv").write_text(PAIRS)
    value = json.loads(run("compare", line_folder, "kn5", "--pairs", "pairs.tsv", "--json", "--train", "lines.txt").out)
    assert value["b"]["right"] == 3, "of what it saw again and again the n-gram is sure"
    alone = json.loads(run("score", "-m", line_folder, "--pairs", "pairs.tsv", "--json").out)
    assert value["a"] == {"model": str(line_folder), **{name: alone[name] for name in alone if name != "eos"}}
    assert value["difference"] == pytest.approx(value["a"]["accuracy"] - 1)
    assert "accuracy" not in run("compare", known, known, "--pairs", "pairs.tsv").err


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("a\tb\nthe cat\n", "pairs.tsv:2"),
        ("a\tb\tc\td\n", "pairs.tsv:1"),
        ("a\t\n", "pairs.tsv:1"),
        ("a\tb\n\na\tb\n", "pairs.tsv:2"),
        ("a\tb\na\ta\n", "pairs.tsv:2"),
        ("a\tb\t1\na\tb\n", "pairs.tsv:2"),
    ],
)
def test_a_line_that_is_no_pair_is_named(run: Run, line_folder: Path, text: str, location: str) -> None:
    Path("pairs.tsv").write_text(text)
    done = run("score", "-m", line_folder, "--pairs", "pairs.tsv")
    assert (done.code, done.out) == (1, "") and location in done.err


@pytest.mark.parametrize("option", [["the cat"], ["--tsv"], ["--unit", "word"], ["--base", "2"], ["--full"]])
def test_pairs_are_not_scored_token_by_token(run: Run, line_folder: Path, option: list[str]) -> None:
    Path("pairs.tsv").write_text(PAIRS)
    assert run("score", "-m", line_folder, "--pairs", "pairs.tsv", *option).code == 2
