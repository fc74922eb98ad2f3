"""Sequences of documents in both modes, and the held-out part, which depends on no seed."""

import re
from dataclasses import replace

import pytest
from conftest import LINES, QUICK, SMALL, STREAM
from hypothesis import given, settings
from hypothesis import strategies as st

import charlm
from charlm.data.corpus import Corpus
from charlm.data.documents import Document
from charlm.data.sequences import sequences_of
from charlm.data.split import choose_mode, hold_out
from charlm.tasks.text.preparation import prepare

MODEST = settings(max_examples=100, deadline=None, derandomize=True)
MEGABYTE = 1_000_000


def document(text: str, name: str = "f") -> Document:
    return Document(name, text)


@MODEST
@given(st.text("ab\r\n", max_size=20))
def test_lines_end_in_newline_or_carriage_return_and_newline(text: str) -> None:
    parts = re.split("\r?\n", text)
    assert charlm.lines(text) == (parts[:-1] if len(parts) > 1 and not parts[-1] else parts)


def test_an_empty_text_is_one_empty_line() -> None:
    assert charlm.lines("") == charlm.lines("\n") == [""]
    assert sequences_of("", "stream") == [""]


@pytest.mark.parametrize(
    ("text", "kind", "why"),
    [
        ("a line\n" * 100, "line", "no line is blank or longer than 1,000 characters"),
        ("a line\n" * 99 + "a last one", "line", "no line is blank"),
        ("a line\r\n" * 100, "line", "no line is blank"),
        ("a line\n" * 100 + "\n\n", "line", "no line is blank"),  # at the end it is no inner line
        ("x" * 1000 + "\n" + "a line\n" * 100, "line", "longer than 1,000"),
        ("a line\n" * 99, "stream", "f has fewer than 100 lines"),
        ("", "stream", "f has fewer than 100 lines"),
        ("a line\n" * 60 + "\n" + "a line\n" * 60, "stream", "line 61 of f is blank"),
        ("a line\r\n" * 60 + "\r\n" + "a line\r\n" * 60, "stream", "line 61 of f is blank"),
        ("a line\n" * 100 + "x" * 1001 + "\n", "stream", "f has a line of 1,001 characters"),
        ("a line\n" * 100 + "x" * 2 * MEGABYTE + "\n", "stream", "f has a line of"),
        ("a line\n" * 100 + "\n" * MEGABYTE + "a line\n", "stream", "line 101 of f is blank"),
        ("x" * 2 * MEGABYTE, "stream", "f has"),
        (("x" * 99 + "\n") * 10_000 + "\n" + "x" * 2000, "line", "no line is blank"),  # after the first megabyte
    ],
    ids=range(14),
)
def test_auto_chooses_and_says_why(text: str, kind: str, why: str) -> None:
    """Line mode needs 100 lines in the first megabyte, none blank except at the end, none over 1,000 characters."""
    chosen, reason = choose_mode([document(text)])
    assert (chosen, why in reason) == (kind, True), reason


def test_auto_is_a_stream_where_one_file_of_several_is() -> None:
    chosen, why = choose_mode([document("a line\n" * 100), document("prose", "b.txt")])
    assert (chosen, why) == ("stream", "b.txt has fewer than 100 lines")


@pytest.mark.parametrize("size", [10, 100, 1000, 1234, 99_999])
def test_of_a_stream_the_last_tenth_of_each_file_is_held_out(size: int) -> None:
    """The cut is exact to one character."""
    texts = [(letter * size) for letter in "ab"]
    found = hold_out([document(text) for text in texts], "stream", 0.1)
    assert found.held_out
    for text, train, valid in zip(texts, found.train, found.valid, strict=True):
        assert train + valid == text
        assert abs(len(valid) - size / 10) < 1


@MODEST
@given(st.lists(st.text("ab \n", min_size=2), min_size=1, max_size=4), st.sampled_from(["line", "stream"]))
def test_every_sequence_is_learned_or_held_out(texts: list[str], kind: str) -> None:
    """If the text is too short to hold a part out, each line is in both."""
    found = hold_out([document(text) for text in texts], kind, 0.3)
    everything = [each for text in texts for each in sequences_of(text, kind)]
    if not found.held_out:
        assert tuple(found.train) == found.valid == tuple(everything)
    elif kind == "line":
        assert sorted((*found.train, *found.valid)) == sorted(everything)
    else:
        assert sorted("".join((*found.train, *found.valid))) == sorted("".join(everything))


def held_lines(count: int, fraction: float = 0.1) -> set[int]:
    found = hold_out([document("".join(f"{number}\n" for number in range(count)))], "line", fraction)
    assert sorted(map(int, (*found.train, *found.valid))) == list(range(count))
    assert list(map(int, found.train)) == sorted(map(int, found.train))
    return set(map(int, found.valid))


def test_of_lines_those_whose_number_hashes_into_the_fraction_are_held_out() -> None:
    """A tenth is 1,000 ± 30 of 10,000. Whether a line is held out depends only on its number."""
    held = held_lines(10_000)
    assert abs(len(held) - 1000) < 120
    assert held_lines(4000) == {number for number in held if number < 4000}
    assert held < held_lines(10_000, 0.3)
    other = hold_out([document("".join(f"other {number}\n" for number in range(10_000)))], "line", 0.1)
    assert {int(line.split()[1]) for line in other.valid} == held


def test_a_tenth_of_the_lines_of_many_small_files_is_held_out() -> None:
    """In 1,000 lines of 500 files, a tenth is 100 ± 9."""
    found = hold_out([document(f"{number} a\n{number} b\n", str(number)) for number in range(500)], "line", 0.1)
    held_out = len(found.valid)
    assert found.held_out and abs(held_out - 100) < 40


@pytest.mark.parametrize(("kind", "text"), [("line", LINES), ("stream", STREAM)])
def test_the_held_out_part_and_the_vocabulary_do_not_depend_on_the_seed(kind: str, text: str) -> None:
    found = [prepare(text, SMALL, replace(QUICK, seed=seed), None) for seed in (0, 1, 12345)]
    assert {each.mode for each in found} == {kind}
    assert len({each.split.valid for each in found}) == 1 and found[0].split.held_out
    assert len({str(each.tokenizer.to_json()) for each in found}) == 1


@pytest.mark.parametrize("files", [1, 9, 300])
@pytest.mark.parametrize("kind", ["line", "stream"])
def test_at_most_two_million_characters_are_held_out(kind: str, files: int) -> None:
    """The limit is 7 % of 30 million characters."""
    text = ("x" * 99 + "\n") * (300_000 // files)
    found = hold_out([document(text + "end\n")] * files, kind, 0.1)
    held_out = found.characters(found.valid)
    assert 1_900_000 < held_out <= 2_000_000


def test_the_vocabulary_comes_from_the_training_part() -> None:
    found = prepare("ab\n" * 300 + "z" * 20, replace(SMALL, sequence="stream"), QUICK, None)
    assert found.tokenizer.to_json() == {"characters": "\nab"}


def test_a_held_out_text_of_its_own_leaves_the_corpus_whole() -> None:
    found = prepare("ab\n" * 50, replace(SMALL, sequence="line"), QUICK, "ba\nb\n")
    assert (len(found.split.train), found.split.valid) == (50, ("ba", "b"))


def test_only_symbols_that_are_a_target_somewhere_can_be_predicted() -> None:
    """The end of a line is predictable; the end of a stream is if there are several files."""
    lines = prepare("ab\n" * 50, replace(SMALL, sequence="line"), QUICK, None)
    stream = prepare("ab\n" * 50, replace(SMALL, sequence="stream"), QUICK, None)
    assert lines.allowed_tokens.tolist() == [False, False, True, True, True]
    assert stream.allowed_tokens.tolist() == [False, False, False, True, True, True]


def test_line_ends_of_two_characters_are_counted_and_in_a_stream_kept() -> None:
    lines = hold_out([document("a\r\nb\nc\r\n" * 40)], "line", 0.1)
    assert lines.crlf_lines == 80 and {*lines.train, *lines.valid} == {"a", "b", "c"}
    assert lines.characters(("a", "bc")) == 5  # a line end is one character
    stream = hold_out([document("a\r\nb\nc\r\n" * 40)], "stream", 0.1)
    assert stream.crlf_lines == 0 and "".join((*stream.train, *stream.valid)) == "a\r\nb\nc\r\n" * 40


@pytest.mark.parametrize(("text", "kind"), [("ab", "stream"), ("ab", "line"), ("a\n", "line"), ("\n\n", "line")])
def test_what_is_too_small_to_hold_any_out_is_validated_on_itself(text: str, kind: str) -> None:
    found = hold_out([document(text)], kind, 0.1)
    assert not found.held_out and tuple(found.train) == found.valid == tuple(sequences_of(text, kind))


@pytest.mark.parametrize(("text", "kind"), [("a", "stream"), ("", "line"), ("\n", "line")])
def test_fewer_than_two_training_tokens_are_refused(text: str, kind: str) -> None:
    with pytest.raises(charlm.CorpusError, match="at least 2"):
        hold_out([document(text)], kind, 0.1)


def test_a_corpus_of_one_distinct_symbol_can_be_learned() -> None:
    """No other token is possible, so its probability is 1."""
    model = charlm.train(Corpus((document("a" * 300),)), SMALL, replace(QUICK, steps=2))
    assert model.score("aaa").logprobs == [0.0] * 3
    assert model.sample(length=5)[0].text == "aaaaa"
