"""A figure of text that the model was trained on says so, and `evaluate --held-out` gives that of the other text."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import LINES, STREAM, TINY, Outcome

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
    Path("two.txt").write_text("changed")
    assert json.loads(run("evaluate", "copy.txt", "-m", "./model", "--json").out)["trained_on"] is False


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
