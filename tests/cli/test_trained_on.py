"""A figure of text that the model was trained on says so, and `evaluate --held-out` gives that of the other text."""

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from conftest import LINES, STREAM, TINY, Outcome

from charlm.checkpoints.checkpoint import describe
from charlm.comparison.own_text import held_out_split

Run = Callable[..., Outcome]
WARNING = "warning: the model was trained on {}, so its figures are too good; charlm evaluate --held-out measures"


@pytest.fixture(params=[LINES, STREAM], ids=["line", "stream"])
def trained(run: Run, request: pytest.FixtureRequest) -> str:
    """Return the validation result of `model`, trained on two files of which a part was held out."""
    Path("one.txt").write_text(request.param)
    Path("two.txt").write_text(request.param.upper())
    done = run("train", "one.txt", "two.txt", "--model=./model", *TINY, "--steps=4", "--json")
    return json.dumps(json.loads(done.out)["validation"])


def test_training_text_is_reported_whatever_its_name(run: Run, trained: str) -> None:
    """On stderr, also under --quiet, and as a JSON key."""
    Path("copy.txt").write_bytes(Path("one.txt").read_bytes())
    Path("other.txt").write_text("another text\nthat nobody has read\n")
    both = run("evaluate", "one.txt", "two.txt", "-m", "./model", "-q")
    assert both.code == 0 and both.err.startswith(WARNING.format("one.txt, two.txt"))
    one = run("evaluate", "two.txt", "other.txt", "-m", "./model", "-q", "--json")
    assert one.err.startswith(WARNING.format("two.txt"))
    assert [json.loads(line)["trained_on"] for line in one.out.splitlines()] == [True, False, True]
    other = run("evaluate", "other.txt", "-m", "./model", "-q", "--json")
    assert (json.loads(other.out)["trained_on"], other.err) == (False, "")


def test_it_is_unknown_without_the_corpus(run: Run, trained: str) -> None:
    """Only the whole corpus is recognized then; any other text may be a part of it."""
    Path("whole").mkdir()
    for name in ("one.txt", "two.txt"):
        (Path("whole") / name).write_bytes(Path(name).read_bytes())
    Path("two.txt").write_text("changed")
    done = run("evaluate", "whole/one.txt", "-m", "./model", "--json")
    values = json.loads(done.out)
    assert (values["trained_on"], values["trained_on_share"]) == (None, None)
    note = "note: it is unknown whether the model was trained on whole/one.txt: one.txt, two.txt has changed since"
    assert done.err.startswith(note)
    assert run("evaluate", "whole/one.txt", "-m", "./model", "-q").err == ""
    done = run("evaluate", "whole", "-m", "./model", "-q", "--json")
    assert [json.loads(line)["trained_on"] for line in done.out.splitlines()] == [True, True, True]
    assert done.err.startswith(WARNING.format("whole/one.txt, whole/two.txt"))


def write_names(path: str, numbers: Iterable[int]) -> None:
    """Lines that all differ."""
    Path(path).write_text("".join(f"name {number:03}\n" for number in numbers))


@pytest.fixture
def names(run: Run) -> list[int]:
    """Return the numbers of the names that `names` held out; it was trained on those of the numbers below 200."""
    write_names("names.txt", range(200))
    assert run("train", "names.txt", "--model=./names", *TINY, "--steps=2").code == 0
    done = run("evaluate", "--held-out", "-m", "./names", "--json")
    assert json.loads(done.out)["trained_on_share"] == 0
    split, _ = held_out_split(describe(Path("names")))
    return [int(name[-3:]) for name in split.valid]


def test_a_part_of_the_training_text_is_recognized_and_the_held_out_part_is_not(run: Run, names: list[int]) -> None:
    """By its lines, in any order, and their share is said."""
    learned = sorted({*range(200)} - {*names}, reverse=True)
    write_names("part.txt", learned[:20])
    write_names("mixed.txt", [*learned[:5], *range(500, 515)])
    write_names("held.txt", names)
    for command, option in (("evaluate", []), ("score", ["--file"])):
        for text, share, words in (
            ("part.txt", 1, "part.txt"),
            ("mixed.txt", 0.25, "25% of mixed.txt"),
            ("held.txt", 0, None),
        ):
            done = run(command, *option, text, "-m", "./names", "--json", "-q")
            values = json.loads(done.out.splitlines()[0])
            assert (values["trained_on"], values["trained_on_share"]) == (share > 0, pytest.approx(share))
            assert done.err.startswith(WARNING.format(words)) if words else done.err == ""


def test_a_passage_of_a_running_text_is_recognized(run: Run) -> None:
    text = "".join(f"This is sentence number {number}, and it differs from the others.\n\n" for number in range(300))
    Path("text.txt").write_text(text)
    assert run("train", "text.txt", "--model=./model", *TINY, "--steps=2").code == 0
    for name, passage, is_learned in (
        ("passage", text[5000:6000], True),
        ("end", text[-1000:], False),
        ("other", "Another text that has nothing in common with the first one. " * 5, False),
    ):
        Path(name).write_text(passage)
        done = run("evaluate", name, "-m", "./model", "--json", "-q")
        assert json.loads(done.out)["trained_on"] is is_learned and (done.err != "") is is_learned


def test_the_text_of_the_model_that_a_run_started_from_counts(run: Run, names: list[int]) -> None:
    write_names("more.txt", range(500, 700))
    assert run("train", "more.txt", "--from=./names", "--model=./more", "--steps=2", "--threads=1").code == 0
    write_names("part.txt", range(20))
    write_names("other.txt", range(800, 820))
    known = {
        name: json.loads(run("evaluate", name, "-m", "./more", "--json", "-q").out)["trained_on"]
        for name in ("names.txt", "more.txt", "part.txt", "other.txt")
    }
    assert known == {"names.txt": True, "more.txt": True, "part.txt": None, "other.txt": False}
    note = "note: it is unknown whether the model was trained on part.txt: it started from names, whose corpus"
    assert run("evaluate", "part.txt", "-m", "./more").err.startswith(note)


def test_a_model_that_answers_questions_is_not_measured_on_its_own_examples_in_silence(run: Run) -> None:
    rows = [f"__label__{'a' if number % 2 else 'b'} word {number}\n" for number in range(60)]
    Path("train.txt").write_text("".join(rows))
    Path("other.txt").write_text("".join(f"__label__a other {number}\n" for number in range(10)))
    options = ["--hidden-size=4", "--embedding-size=4", "--batch-size=4", "--threads=1", "--steps=2", "--task=classify"]
    assert run("train", "train.txt", "-m", "labels", *options).code == 0
    warning = "warning: the model was trained on train.txt, so its figures are too good; give a file that it was not"
    done = run("evaluate", "train.txt", "-m", "labels", "-q")
    assert done.code == 0 and done.err.startswith(warning)
    assert run("evaluate", "other.txt", "-m", "labels", "-q").err == ""
    done = run("compare", "labels", "labels", "train.txt", "-q")
    assert done.code == 0 and done.err.count("warning: labels was trained on train.txt") == 2


def test_a_comparison_warns_for_each_model(run: Run, names: list[int]) -> None:
    done = run("compare", "./names", "kn2", "--file", "names.txt", "-q")
    assert "warning: ./names was trained on names.txt, so its figures are too good" in done.err
    assert "warning: the n-gram was trained on names.txt, which it has memorized" in done.err
    write_names("other.txt", range(800, 820))
    assert run("compare", "./names", "kn2", "--file", "other.txt", "-q").err == ""


def test_a_corpus_of_one_file_is_known_by_its_text(run: Run) -> None:
    Path("text").write_text(LINES)
    assert run("train", "text", "--model=./model", *TINY, "--steps=2").code == 0
    Path("text").rename("copy")
    assert json.loads(run("evaluate", "copy", "-m", "./model", "--json").out)["trained_on"] is True


def test_score_reports_it_for_files_only(run: Run, trained: str) -> None:
    done = run("score", "--file", "one.txt", "-m", "./model", "--json", "--quiet")
    assert done.err.startswith(WARNING.format("one.txt"))
    assert {json.loads(line)["trained_on"] for line in done.out.splitlines()} == {True}
    done = run("score", "the cat", "-m", "./model", "--json", "--quiet")
    assert "trained_on" not in json.loads(done.out) and done.err == ""


def test_the_held_out_part_has_the_figures_that_training_printed(run: Run, trained: str) -> None:
    done = run("evaluate", "--held-out", "-m", "./model", "--json", "--quiet")
    values = json.loads(done.out)
    assert done.err == "" and values["trained_on"] is False
    validation = json.loads(trained)
    for name in ("nats_per_token", "bits_per_char", "tokens"):
        assert values[name] == pytest.approx(validation[name], rel=1e-9)
    assert run("evaluate", "--held-out", "-m", "./model").out.startswith("the held-out part of one.txt, two.txt: ")


def test_a_held_out_part_that_cannot_be_read_again_is_a_sentence(run: Run, trained: str) -> None:
    done = run("evaluate", "--held-out", "one.txt", "-m", "./model")
    assert done.code == 2 and "leave the files out" in done.err
    Path("one.txt").write_text("changed")
    done = run("evaluate", "--held-out", "-m", "./model")
    assert (done.code, done.out) == (1, "")
    assert "cannot be read again: one.txt, two.txt has changed since the model was trained" in done.err
    Path("short").write_text("ab")
    assert run("train", "short", "--model=./small", *TINY, "--steps=2").code == 0
    assert "has no held-out part" in run("evaluate", "--held-out", "-m", "./small").err


def test_the_parts_of_a_corpus_add_up(run: Run) -> None:
    """Each line has a character for its end, also the last one of a file that lacks it."""
    Path("text").write_text(LINES.rstrip("\n"))
    done = run("train", "text", "--model=./model", *TINY, "--steps=2")
    pattern = r"corpus +(\S+) characters.*split +(\S+) characters for training, (\S+) held out"
    found = re.search(pattern, done.err, re.DOTALL)
    assert found
    total, train, held_out = (int(each.replace(",", "")) for each in found.groups())
    assert total == train + held_out == len(LINES)
    for command in (["info"], ["evaluate", "text"]):
        assert f"{len(LINES):,} characters" in run(*command, "-m", "./model").out
