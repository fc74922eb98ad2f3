"""`charlm score`: the probability of texts, for people and as JSON."""

import io
import json
import math
import os
import re
import subprocess
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import TINY, Outcome

import charlm

Run = Callable[..., Outcome]
FIRST = ["text", "tokens", "logprobs", "logprob", "perplexity", "bits_per_char", "unknown", "eos"]
ADDED = [
    "bos",
    "context",
    "unit",
    "given",
    "known",
    "logprob_known",
    "perplexity_known",
    "characters",
    "characters_known",
    "base",
]
KEYS = FIRST + ADDED


def scored(done: Outcome) -> list[Any]:
    assert done.code == 0, done.err
    *lines, end = done.out.split("\n")
    assert end == ""
    return [json.loads(line) for line in lines]


def pipe(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """What is piped into the next command."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_json_is_one_compact_line_a_text_with_these_keys(run: Run, line_folder: Path) -> None:
    done = run("score", "--json", "-m", line_folder, "the cat ran", "a dog")
    values = scored(done)
    assert [list(each) for each in values] == [KEYS, KEYS]
    assert done.out == "".join(json.dumps(each, separators=(",", ":")) + "\n" for each in values)
    assert [each["text"] for each in values] == ["the cat ran", "a dog"]


def test_with_counts_json_has_their_weight_too(run: Run, counted_folder: Path) -> None:
    """A gate and a share for each token, both between 0 and 1."""
    (value,) = scored(run("score", "--json", "-m", counted_folder, "the cat"))
    assert list(value) == [*KEYS[:-1], "gates", "counts_shares", "base"]
    expected = vars(charlm.load(counted_folder).score("the cat"))
    assert value == {**{name: expected[name] for name in (*KEYS[:-1], "gates", "counts_shares")}, "base": "e"}
    assert len(value["gates"]) == len(value["counts_shares"]) == len(value["tokens"])
    assert all(0 <= each <= 1 for each in (*value["gates"], *value["counts_shares"]))


def test_the_numbers_are_the_chain_rule(run: Run, line_folder: Path) -> None:
    """log P is the sum of the tokens', perplexity exp of minus their mean; 3 letters and the end are 4 characters."""
    (value,) = scored(run("score", "--json", "-m", line_folder, "cat"))
    assert value["tokens"] == ["c", "a", "t", None]
    assert value["eos"] is True and value["unknown"] == 0
    assert value["logprob"] == pytest.approx(sum(value["logprobs"]), rel=1e-12)
    assert value["perplexity"] == pytest.approx(math.exp(-value["logprob"] / 4), rel=1e-12)
    assert value["bits_per_char"] == pytest.approx(-value["logprob"] / math.log(2) / 4, rel=1e-12)


def test_the_command_says_what_the_library_says(run: Run, line_folder: Path) -> None:
    expected = vars(charlm.load(line_folder).score("the cat"))
    (value,) = scored(run("score", "--json", "-m", line_folder, "the cat"))
    assert value == {**{name: expected[name] for name in KEYS[:-1]}, "base": "e"}


def test_people_see_each_token_its_probability_and_its_surprisal(run: Run, line_folder: Path) -> None:
    """The surprisal of a token of probability p is -log2 p bits."""
    done = run("score", "-m", line_folder, "cat")
    rows = re.findall(r"^ +('.'|<EOS>) +(0\.\d+) +(\d+\.\d+)$", done.out, re.MULTILINE)
    assert [token for token, _, _ in rows] == ["'c'", "'a'", "'t'", "<EOS>"]
    for _, probability, surprisal in rows:
        assert float(surprisal) == pytest.approx(-math.log2(float(probability)), abs=2e-3)
    found = charlm.load(line_folder).score("cat")
    for figure in (found.logprob, found.perplexity, found.bits_per_char):
        assert f"{figure:.4f}" in done.out


@pytest.mark.parametrize(
    ("folder", "option", "expected"),
    [
        *[("line_folder", [], True), ("line_folder", ["--no-eos"], False), ("line_folder", ["--eos"], True)],
        *[("stream_folder", [], False), ("stream_folder", ["--eos"], True)],
    ],
)
def test_the_end_is_scored_for_lines_and_where_it_is_asked_for(
    run: Run, request: pytest.FixtureRequest, folder: str, option: list[str], expected: bool
) -> None:
    (value,) = scored(run("score", "--json", "-m", request.getfixturevalue(folder), *option, "the"))
    assert value["eos"] is expected
    assert len(value["tokens"]) == 3 + expected


def test_minus_infinity_is_null(run: Run, stream_folder: Path) -> None:
    """The end of a stream was never seen: its probability is 0, and JSON has no number for log 0."""
    (value,) = scored(run("score", "--json", "-m", stream_folder, "--eos", "the"))
    assert value["logprobs"][-1] is None
    assert None not in value["logprobs"][:-1]
    assert value["logprob"] is value["perplexity"] is value["bits_per_char"] is None


def test_the_empty_text(run: Run, line_folder: Path, stream_folder: Path) -> None:
    """A line model reads an empty line, P(<EOS>). A stream model reads nothing: probability 1, and no perplexity."""
    line, stream = (scored(run("score", "--json", "-m", each, ""))[0] for each in (line_folder, stream_folder))
    assert line["tokens"] == [None] and line["logprob"] == line["logprobs"][0] < 0
    assert (stream["logprob"], stream["perplexity"], stream["bits_per_char"]) == (0, None, None)
    assert run("score", "-m", stream_folder, "").code == 0


def test_a_text_of_lines_with_newlines_is_several(run: Run, line_folder: Path, stream_folder: Path) -> None:
    values = scored(run("score", "--json", "-m", line_folder, "the cat\na dog\r\n"))
    assert [each["text"] for each in values] == ["the cat", "a dog"]
    (value,) = scored(run("score", "--json", "-m", stream_folder, "the\n\nword\n"))
    assert value["text"] == "the\n\nword\n"


def test_a_file_is_a_text(run: Run, line_folder: Path, stream_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "some.txt").write_text("the cat\na dog\n")
    assert len(scored(run("score", "--json", "-m", line_folder, "--file", "some.txt"))) == 2
    assert len(scored(run("score", "--json", "-m", stream_folder, "--file", "some.txt"))) == 1
    values = scored(run("score", "--json", "-m", line_folder, "the cats", "--file", "some.txt"))
    assert [each["text"] for each in values] == ["the cats", "the cat", "a dog"]


@pytest.mark.parametrize("arguments", [["-"], []], ids=["a dash", "nothing"])
def test_stdin_is_a_text(run: Run, line_folder: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, b"the cat\na dog\n")
    values = scored(run("score", "--json", "-m", line_folder, *arguments))
    assert [each["text"] for each in values] == ["the cat", "a dog"]


def test_a_text_is_no_reason_to_read_stdin(run: Run, line_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"untouched")
    os.close(writing)
    with os.fdopen(reading) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        for arguments in (["score", "the cat"], ["sample", "--length", "2"], ["info"]):
            assert run(*arguments, "-m", line_folder).code == 0
        assert stdin.read() == "untouched"


def test_how_many_are_scored_together_does_not_matter(run: Run, line_folder: Path) -> None:
    texts = ["the cat ran", "a", "", "the cats slept", "dog"] * 30
    together = scored(run("score", "--json", "-m", line_folder, *texts))
    for text, found in zip(texts[:5], together[-5:], strict=True):
        (alone,) = scored(run("score", "--json", "-m", line_folder, text))
        assert found["logprob"] == pytest.approx(alone["logprob"], rel=1e-5)


def test_unknown_characters_are_counted_and_the_first_is_placed(run: Run, line_folder: Path) -> None:
    done = run("score", "--json", "-m", line_folder, "the cat", "a dög, the çat")
    first, value = scored(done)
    assert list(first) == KEYS
    assert value["originals"] == [*"a dög, the çat", ""], "the text of each token, also of the unknown ones"
    assert value["unknown"] == 3  # ö , ç
    assert value["bits_per_char"] is None
    assert "'ö' (U+00F6), character 4 of text 2" in done.err
    known = [found for token, found in zip(value["tokens"], value["logprobs"], strict=True) if found is not None]
    assert value["bits_per_char_known"] == pytest.approx(-sum(known) / math.log(2) / len(known), rel=1e-9)
    assert run("score", "--json", "-q", "-m", line_folder, "dög").err == ""


def test_unknown_characters_may_be_left_out_or_refused(run: Run, line_folder: Path) -> None:
    (skipped,) = scored(run("score", "--json", "-m", line_folder, "--unknown=skip", "a dög"))
    (without,) = scored(run("score", "--json", "-m", line_folder, "a dg"))
    assert (skipped["text"], skipped["unknown"], skipped["bits_per_char"]) == ("a dög", 1, None)
    assert skipped["logprobs"] == without["logprobs"]
    refused = run("score", "-m", line_folder, "--unknown=error", "a dög")
    assert (refused.code, refused.out) == (1, "")
    assert "'ö' (U+00F6), character 4" in refused.err


@pytest.mark.parametrize(("known", "form"), [("café\n", "NFD"), ("cafe\u0301\n", "NFC")])
def test_a_text_in_the_other_form_of_unicode_is_told_apart(run: Run, tmp_path: Path, known: str, form: str) -> None:
    """One and the same word for a person; the model knows it in the form in which it was learned."""
    (tmp_path / "text").write_text(known * 100, encoding="utf-8")
    assert run("train", "text", *TINY, "--steps=2", "--quiet").code == 0
    other = unicodedata.normalize(form, known.strip())
    mend = f"Unicode form {'NFC' if form == 'NFD' else 'NFD'}"
    said = run("score", other).err
    assert mend in said
    if os.name == "posix":
        (command,) = re.findall(r"convert the text: (perl .*)$", said, re.MULTILINE)
        mended = subprocess.run(["sh", "-c", command], input=other.encode(), stdout=subprocess.PIPE, check=True)
        assert mended.stdout == known.strip().encode()
    assert mend in run("sample", "--prompt", other).err
    assert "Unicode form" not in run("score", "漢").err + run("score", known.strip()).err


def test_any_character_goes_out_as_it_came_in(run: Run, line_folder: Path) -> None:
    text = "\x1b[31m \x00 \u2028 é 漢 😀 \ud7ff"
    done = run("score", "--json", "-m", line_folder, text)
    assert scored(done)[0]["text"] == text
    assert "é 漢 😀" in done.out, "UTF-8, not escapes"


def test_an_argument_that_is_not_utf8_stops_nothing(run: Run, line_folder: Path) -> None:
    """Python hands the byte FF of a command line over as U+DCFF, which UTF-8 has no bytes for."""
    (value,) = scored(run("score", "--json", "-m", line_folder, "a\udcffd"))
    assert value["text"] == "a\udcffd" and value["unknown"] == 1


@pytest.mark.parametrize("arguments", [["☃☃"], ["--unknown=skip", "☃☃"], [""]], ids=["read", "left out", "empty"])
def test_where_no_known_token_was_scored_every_figure_is_a_dash(
    run: Run, stream_folder: Path, arguments: list[str]
) -> None:
    for form in ("table", "heat"):
        shown = run("score", "--format", form, "--model", stream_folder, *arguments).out
        assert "no token was scored" in shown
