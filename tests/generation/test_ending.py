"""Where a sample ends when the unit that the length cuts is to be finished."""

import math
import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import charlm
from charlm.generation.ending import Ending, Row, Unit
from charlm.generation.generate import Piece
from charlm.tokenizers.byte import ByteTokenizer

EOS = 2


def letter(symbol: int) -> str:
    """A decoder; <EOS> has no text."""
    return "" if symbol == EOS else chr(symbol)


def drawn(text: str, ending: Ending, sizes: Iterator[int]) -> tuple[str, int, str | None]:
    """Text, tokens and reason of a row that is given a text in groups of symbols: a text ends in <EOS> at "$"."""
    row = Row(0, letter, ending)
    symbols = [EOS if character == "$" else ord(character) for character in text]
    shown = ""
    while symbols and not row.stopped:
        size = next(sizes)
        shown += row.take(symbols[:size], [-1.0] * size, EOS)
        symbols = symbols[size:]
    assert not row.stopped or (shown == row.text and row.logprob == -row.tokens)
    return row.text, row.tokens, row.stopped


@pytest.mark.parametrize(
    ("whole", "length", "text", "expected"),
    [
        ("word", 6, "a dog ran off", "a dog "),  # complete at the length
        ("word", 5, "a dog ran off", "a dog"),
        ("word", 3, "a dog ran off", "a dog"),
        ("word", 1, "isn't it", "isn't"),
        ("word", 3, "to-day, or", "to-day"),
        ("word", 2, "naïve. So", "naïve"),
        ("line", 3, "one\ntwo\nthree", "one"),
        ("line", 4, "one\ntwo\nthree", "one\n"),
        ("line", 5, "one\ntwo\r\nthree", "one\ntwo"),
        ("sentence", 1, "It was. Was it?", "It was."),
        ("sentence", 8, "It was. Was it? Yes.", "It was. "),
        ("sentence", 9, "It was. Was it? Yes.", "It was. Was it?"),
        ("sentence", 2, "He has 3.14 of it! Or", "He has 3.14 of it!"),
        ("sentence", 2, "“Who?” he said.” Then", "“Who?”"),
        ("sentence", 1, "他走了。然后", "他走了。"),
        ("sentence", 1, "A title\n\nA text.", "A title\n"),
        ("sentence", 1, "「他走了。」然后", "「他走了。」"),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 5, 99])
def test_the_unit_is_finished(whole: Unit, length: int, text: str, expected: str, size: int) -> None:
    """However the symbols come in; what shows the end, a space say, is not part of the text."""
    found = drawn(text, Ending(length, whole=whole), iter([size] * 99))
    assert found == (expected, len(expected), "whole")


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.text("ab .\n'。」", min_size=1, max_size=40),
    st.integers(1, 30),
    st.sampled_from(["word", "line", "sentence"]),
    st.lists(st.integers(1, 7), min_size=40, max_size=40),
)
def test_how_symbols_are_grouped_changes_nothing(text: str, length: int, whole: Unit, sizes: list[int]) -> None:
    ending = Ending(length, whole=whole, stop="bb")
    assert drawn(text + "$", ending, iter(sizes)) == drawn(text + "$", ending, iter([1] * 50))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text("aé€", max_size=14), st.text("aé€", min_size=1, max_size=3), st.integers(1, 5))
def test_a_stop_text_in_bytes_is_never_shown_nor_half_a_character(text: str, stop: str, size: int) -> None:
    """However the bytes come in."""
    bytes_ = ByteTokenizer()
    row = Row(0, bytes_.decoder(), Ending(99, stop=stop))
    symbols = [*bytes_.encode(text).tolist(), EOS]
    shown = ""
    while symbols and not row.stopped:
        shown += row.take(symbols[:size], [-1.0] * len(symbols[:size]), EOS)
        assert stop not in shown and text.startswith(shown)
        symbols = symbols[size:]
    before, found, _ = text.partition(stop)
    assert (shown, row.stopped) == (before, "stop" if found else "eos")
    assert row.tokens == len((before + found).encode()) + (not found)


def test_the_end_and_a_stop_text_come_first() -> None:
    ending = Ending(3, stop="og", whole="word")
    assert drawn("a dog", ending, iter([9])) == ("a d", 5, "stop")
    assert drawn("a da$", ending, iter([9])) == ("a da", 5, "eos")
    assert drawn("a$ dog", ending, iter([9])) == ("a", 2, "eos")


def test_an_end_of_no_probability_is_not_counted() -> None:
    row = Row(0, letter, Ending(9))
    row.take([65, EOS], [-1.0, -math.inf], EOS)
    assert (row.text, row.tokens, row.logprob, row.stopped) == ("A", 1, -1.0, "match")


def test_there_is_a_limit_to_finishing(stream_model: charlm.LanguageModel) -> None:
    (sample,) = stream_model.sample("the ", length=20, temperature=0.01, whole="line", seed=1)
    assert sample.stopped in ("whole", "length") and sample.tokens <= 1020
    row = Row(0, letter, Ending(5, whole="line"))
    row.take([97] * 1005, [-1.0] * 1005, EOS)
    assert (row.stopped, row.tokens) == ("length", 1005)


@pytest.mark.parametrize(("whole", "after"), [("word", r"[\w'’-]"), ("line", r"[^\n]")])
def test_a_model_finishes_what_it_began(stream_model: charlm.LanguageModel, whole: Unit, after: str) -> None:
    """As it would have gone on without: each sample is a beginning of the longer one, and shown piece by piece."""
    longer = stream_model.sample("the ", length=400, count=20, seed=3)
    shown = [""] * 20
    for event in stream_model.generate("the ", length=30, count=20, seed=3, whole=whole):
        if isinstance(event, Piece):
            shown[event.index] += event.text
        else:
            text = longer[event.index].text
            assert event.text == shown[event.index] == text[: event.tokens] and event.stopped == "whole"
            assert not (re.match(after, text[event.tokens - 1]) and re.match(after, text[event.tokens]))
            assert re.fullmatch(f"{after}*", text[30 : event.tokens])


def test_a_unit_has_a_name_that_is_known(stream_model: charlm.LanguageModel) -> None:
    with pytest.raises(charlm.ConfigError, match="whole is 'page'; it must be word, line or sentence"):
        stream_model.generate(whole="page")
