"""Two models on one text: whose bits, how sure, and where."""

import math
from functools import partial

import numpy as np
import pytest
from conftest import BIGRAMS, STREAM, of_bigrams
from numpy.typing import NDArray

from charlm import CorpusError, LanguageModel, ModelConfig
from charlm.comparison.compare import ComparedModel, compare
from charlm.config import TextMode
from charlm.measures.bootstrap import DRAWS, interval
from charlm.nn.probability import log_probabilities
from charlm.tokenizers import Ids, Tokenizer
from charlm.tokenizers.byte import ByteTokenizer
from charlm.tokenizers.char import CharTokenizer
from charlm.tokenizers.word import WordTokenizer

TEXT = "the cat sat\na dog ran\nthe cats slept\n"


def reader(model: LanguageModel, name: str = "model") -> ComparedModel:
    return ComparedModel(name, model.tokenizer, model.line, partial(log_probabilities, model.network))


def uniform(tokenizer: Tokenizer, bits: float, *, line: bool = True) -> ComparedModel:
    """Every token costs so many bits."""
    return ComparedModel(
        f"{bits} bits", tokenizer, line, lambda rows: [np.full(len(row) - 1, -bits * math.log(2)) for row in rows]
    )


def test_each_has_the_bits_that_evaluate_gives_it(model: LanguageModel) -> None:
    text = TEXT if model.line else STREAM[:2000]
    result = compare(reader(model), uniform(model.tokenizer, 3, line=model.line), [text])
    assert result.bits_per_char == pytest.approx((model.evaluate(text).bits_per_char, 3), rel=1e-6)
    assert result.difference == pytest.approx(result.bits_per_char[0] - 3)
    assert (result.lines, result.characters, result.left_out) == (len(text.splitlines()), len(text), 0)


def test_a_model_does_not_differ_from_itself(line_model: LanguageModel) -> None:
    result = compare(reader(line_model), reader(line_model), [TEXT])
    assert (result.difference, result.interval, result.stretches) == (0, (0, 0), ([], []))


def test_lines_and_a_running_text_compare_on_lines_that_end_in_a_newline(
    line_model: LanguageModel, stream_model: LanguageModel
) -> None:
    """The last line gets one, and a carriage return is none of its characters."""
    plain = "the sand\nlast one\n"
    expected = [model.evaluate(plain).bits_per_char for model in (line_model, stream_model)]
    for text in (plain, plain[:-1], plain.replace("\n", "\r\n")):
        result = compare(reader(line_model), reader(stream_model), [text])
        assert result.bits_per_char == pytest.approx(expected, rel=1e-6)
        assert (result.characters, result.left_out) == (len(plain), 0)


def test_a_line_that_one_of_them_cannot_read_is_left_out_of_both(line_model: LanguageModel) -> None:
    other = uniform(CharTokenizer("\n éacdegnorst"), 2)
    result = compare(reader(line_model), other, ["a cat\na dög\na cét\na dog\n"])
    assert (result.lines, result.left_out, result.characters) == (2, 2, 12)
    assert result.bits_per_char[0] == pytest.approx(line_model.evaluate("a cat\na dog\n").bits_per_char, rel=1e-6)
    assert {stretch.line for stretches in result.stretches for stretch in stretches} <= {1, 4}
    with pytest.raises(CorpusError, match="every line"):
        compare(reader(line_model), other, ["ééé\nööö\n"])
    with pytest.raises(CorpusError, match="is empty"):
        compare(uniform(CharTokenizer("a"), 1, line=False), uniform(CharTokenizer("a"), 1, line=False), [""])


def test_the_places_are_where_the_bits_differ_by_most() -> None:
    """P(b | a) is 1/2 in one and 1/4 in the other, P(end | b) 1/2 and 1/4, P(end | a) 1/4 and 1/2."""
    other = {**BIGRAMS, "a": {"a": 1 / 4, "b": 1 / 4, "": 1 / 2}, "b": {"a": 1 / 2, "b": 1 / 4, "": 1 / 4}}
    result = compare(reader(of_bigrams(BIGRAMS)), reader(of_bigrams(other)), ["ab\naa\n"])
    better, worse = result.stretches
    assert [(each.line, each.before, each.text, each.after) for each in better] == [
        (1, "a", "b", "\n"),
        (1, "ab", "\n", ""),
    ]
    assert [(each.line, each.before, each.text, each.after) for each in worse] == [(2, "aa", "\n", "")]
    assert better[0].bits == pytest.approx((1, 2)) and worse[0].bits == pytest.approx((2, 1))
    assert result.bits_per_char == pytest.approx((8 / 6, 9 / 6))


def test_a_place_that_comes_again_and_again_is_shown_once() -> None:
    other = of_bigrams({**BIGRAMS, "a": {"a": 1 / 4, "b": 1 / 4, "": 1 / 2}})
    better, _ = compare(reader(of_bigrams(BIGRAMS)), reader(other), ["aaaaaaaaaab\nbaaaaaaaaaab\nbab\n"]).stretches
    assert [each.line for each in better] == [1, 3]


class Pairs(CharTokenizer):
    """Characters, and the symbol z for the two letters ab."""

    def token_text(self, index: int) -> str | None:
        result = super().token_text(index)
        return "ab" if result == "z" else result

    def encode(self, text: str) -> Ids:
        return super().encode(text.replace("ab", "z"))

    def lengths(self, text: str, ids: Ids) -> NDArray[np.int64]:
        return np.array([len(symbol or "?") for symbol in self.token_texts(ids)])


def test_tokens_that_differ_are_compared_over_the_characters_they_share() -> None:
    """For "ab", one model pays 2 bits per letter, the other pays 3 bits for both together."""
    characters, longer = uniform(CharTokenizer("abc"), 2), uniform(Pairs("abcz"), 3)
    result = compare(characters, longer, ["cab\n", "c\n"])
    assert result.bits_per_char == pytest.approx((2, (9 + 6) / 6))
    (stretch,) = result.stretches[1]
    assert (stretch.line, stretch.text, stretch.before) == (1, "ab", "c")
    assert stretch.bits == pytest.approx((4, 3))


def test_a_character_costs_what_its_bytes_cost() -> None:
    """The second byte of "é" completes the character."""
    result = compare(uniform(CharTokenizer("aé"), 2), uniform(ByteTokenizer(), 1.5), ["aéa\n", "aa\n"])
    assert result.bits_per_char == pytest.approx((2, 8 * 1.5 / 7))
    (stretch,) = result.stretches[0]
    assert (stretch.before, stretch.text, stretch.after) == ("a", "é", "a\n")
    assert stretch.bits == pytest.approx((2, 3))


def test_a_word_that_is_hidden_leaves_its_line_out() -> None:
    """A closed vocabulary has one symbol for all words it does not know, as long as each of them."""
    config = ModelConfig(tokenizer="word", closed=True, vocab_size=6)
    words = WordTokenizer.train([["the cat the cat a cat\n"]], config, mode=TextMode.LINE)
    result = compare(uniform(words, 2), uniform(CharTokenizer(" acdeght"), 1), ["the cat\nthe chat\n"])
    assert (result.lines, result.left_out, result.characters) == (1, 1, 8)


def test_the_interval_is_that_of_the_mean_of_paired_lines() -> None:
    """Expect, for 400 differences with standard deviation s in lines of 10 characters: ± 1.96 s / (10 · √400)."""
    differences = np.random.default_rng(1).normal(0.5, 2, 400)
    low, high = interval(differences, np.full(400, 10)) or (0, 0)
    assert (low + high) / 2 == pytest.approx(differences.mean() / 10, abs=0.002)
    assert high - low == pytest.approx(2 * 1.96 * differences.std() / 10 / 20, rel=0.1)
    assert interval(differences, np.full(400, 10)) == (low, high), "it is the same at every call"
    assert DRAWS >= 1000


def test_what_all_lines_agree_on_is_certain() -> None:
    assert interval([2.0, 4.0, 6.0], [1, 2, 3]) == pytest.approx((2, 2))
    assert interval([2.0], [1]) is None


def test_very_many_lines_are_drawn_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = np.random.default_rng(1).normal(0.5, 2, 4000)
    each = interval(differences, np.ones(4000)) or (0, 0)
    monkeypatch.setattr("charlm.measures.bootstrap._MAX_UNITS", 500)
    assert interval(differences, np.ones(4000)) == pytest.approx(each, abs=0.03)
