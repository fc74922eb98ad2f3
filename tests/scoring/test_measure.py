"""The figures, worked by hand, and that those of parts add up to that of the whole."""

import math
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from charlm.config import TextMode
from charlm.scoring.measure import Measure, measure
from charlm.tokenizers import Tokenizer
from charlm.tokenizers.char import CharTokenizer

LETTERS = CharTokenizer("aé€😀")  # 1, 2, 3 and 4 bytes in UTF-8
BIT = math.log(2)


def bits(text: str, logprobs: list[float], *, mode: TextMode = TextMode.STREAM, end: bool = False) -> Measure:
    """The measure of a text whose tokens have these log-probabilities, in bits."""
    ids = [*LETTERS.encode(text), *([Tokenizer.EOS] if end else [])]
    return measure(text, np.array(ids), ones(text), -BIT * np.array(logprobs), mode=mode)


def ones(text: str) -> NDArray[np.int64]:
    return np.ones(len(text), dtype=np.int64)


def test_figures_worked_by_hand() -> None:
    """1 + 2 + 3 + 6 = 12 bits over 4 tokens, 4 characters and 1 + 2 + 3 + 4 = 10 bytes: perplexity 2^3."""
    result = bits("aé€😀", [1, 2, 3, 6])
    assert (result.tokens, result.characters, result.bytes, result.unknown) == (4, 4, 10, 0)
    assert result.nats_per_token == pytest.approx(3 * BIT)
    assert result.perplexity == pytest.approx(8)
    assert result.bits_per_char == result.bits_per_char_known == pytest.approx(3)
    assert result.bits_per_byte == pytest.approx(1.2)


def test_a_line_end_is_a_token_a_character_and_a_byte() -> None:
    """2 + 4 bits: 3 a character, 2 a byte of "é\\n"."""
    result = bits("é", [2, 4], mode=TextMode.LINE, end=True)
    assert (result.tokens, result.characters, result.bytes) == (2, 2, 3)
    assert (result.bits_per_char, result.bits_per_byte) == (pytest.approx(3), pytest.approx(2))


def test_the_end_of_a_stream_is_a_token_but_no_character() -> None:
    result = bits("é", [2, 4], end=True)
    assert (result.tokens, result.characters, result.bytes) == (2, 1, 2)
    assert (result.perplexity, result.bits_per_char) == (pytest.approx(8), pytest.approx(6))


def test_unknown_characters_leave_only_the_bits_of_the_known() -> None:
    """x is unknown and has 9 bits; a and é have 1 and 2."""
    result = bits("axé", [1, 9, 2])
    assert (result.unknown, result.characters, result.bytes) == (1, 3, 4)
    assert result.nats_per_token == pytest.approx(4 * BIT)
    assert result.bits_per_char is None and result.bits_per_byte is None
    assert result.bits_per_char_known == pytest.approx(1.5)
    assert result.known_nats_per_token == pytest.approx(1.5 * BIT)


def test_an_impossible_unknown_character_leaves_the_known_bits_finite() -> None:
    result = bits("xa", [math.inf, 2])
    assert result.nats_per_token == result.perplexity == math.inf
    assert result.bits_per_char_known == pytest.approx(2)


def test_characters_left_out_are_counted_but_not_encoded() -> None:
    result = measure("a", LETTERS.encode("a"), ones("a"), np.array([-BIT]), mode=TextMode.STREAM, skipped="x€")
    assert (result.tokens, result.characters, result.bytes, result.unknown) == (1, 3, 5, 2)
    assert (result.bits_per_char, result.bits_per_char_known) == (None, pytest.approx(1))


def test_of_a_text_read_in_part_only_that_part_counts() -> None:
    result = measure("aé€😀", LETTERS.encode("aé"), ones("aé€😀"), np.array([-BIT, -BIT]), mode=TextMode.STREAM)
    assert (result.characters, result.bytes) == (2, 3)


def test_tokens_of_several_characters_and_parts_of_one_worked_by_hand() -> None:
    """the| cat|s, of which " cat" is unknown: 3 tokens, 8 characters. And é in two bytes, the first alone is none."""
    tokens = np.array([3, Tokenizer.UNK, 4])
    result = measure("the cats", tokens, np.array([3, 4, 1]), -BIT * np.array([4, 9, 2]), mode=TextMode.STREAM)
    assert (result.tokens, result.unknown_tokens, result.characters, result.unknown) == (3, 1, 8, 4)
    assert result.bits_per_char is None and result.bits_per_char_known == pytest.approx(6 / 4)
    for read, characters, size in [(1, 0, 0), (2, 1, 2)]:
        result = measure("é", np.array([5, 6][:read]), np.array([0, 1]), -BIT * np.ones(read), mode=TextMode.STREAM)
        assert (result.tokens, result.characters, result.bytes) == (read, characters, size)


def test_nothing_has_no_figures() -> None:
    result = bits("", [])
    assert (result.nats_per_token, result.perplexity, result.bits_per_char, result.bits_per_byte) == (None,) * 4


def test_a_perplexity_too_large_for_a_number_is_infinite() -> None:
    assert bits("a", [2000]).perplexity == math.inf
    assert bits("a", [1000]).perplexity == pytest.approx(2.0**1000)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from("aé€😀x"), st.floats(0, 50)), max_size=12), st.integers(0, 12))
def test_measures_of_parts_add_up_to_that_of_the_whole(tokens: list[tuple[str, float]], cut: int) -> None:
    def of(part: list[tuple[str, float]]) -> Measure:
        return bits("".join(text for text, _ in part), [value for _, value in part])

    assert astuple(of(tokens[:cut]) + of(tokens[cut:])) == pytest.approx(astuple(of(tokens)))
