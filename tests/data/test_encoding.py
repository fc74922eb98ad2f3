"""The three policies for a character outside the vocabulary."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import charlm
from charlm.data.encoding import describe, encode
from charlm.tokenizers import Tokenizer
from charlm.tokenizers.char import CharTokenizer

LETTERS = CharTokenizer("abc")


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text("abcxé€"))
def test_unknown_characters_become_one_symbol_or_are_left_out(text: str) -> None:
    read, skipped = encode(LETTERS, text, "unk"), encode(LETTERS, text, "skip")
    assert (read.text, read.skipped) == (text, "")
    assert [index == Tokenizer.UNK for index in read.ids] == [character not in "abc" for character in text]
    assert skipped.text == LETTERS.decode(skipped.ids) == "".join(c for c in text if c in "abc")
    assert skipped.skipped == "".join(c for c in text if c not in "abc")


@pytest.mark.parametrize("unknown", ["unk", "error", "skip"])
def test_without_unknown_characters_the_answers_are_the_same(unknown: str) -> None:
    found = encode(LETTERS, "abca", unknown)  # type: ignore[arg-type]
    assert (found.text, found.ids.tolist(), found.skipped) == ("abca", [3, 4, 5, 3], "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("é", r"'é' \(U\+00E9\), character 1 of"),
        ("abc😀x", r"'😀' \(U\+1F600\), character 4 of"),
        ("a" * 1234 + "\x1b", r"U\+001B, character 1,235 of"),
    ],
)
def test_a_refusal_names_the_first_unknown_character_its_code_point_and_place(text: str, message: str) -> None:
    with pytest.raises(charlm.UnknownCharacterError, match=message):
        encode(LETTERS, text, "error")


def test_a_character_that_cannot_be_shown_is_described_by_its_code_point_alone() -> None:
    assert [describe(each) for each in "é\0\u202e\ufeff"] == ["'é' (U+00E9)", "U+0000", "U+202E", "U+FEFF"]


def test_another_answer_is_refused() -> None:
    with pytest.raises(charlm.ConfigError, match="unk, error or skip"):
        encode(LETTERS, "a", "replace")  # type: ignore[arg-type]
