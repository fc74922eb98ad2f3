"""The probability of a text, worked by hand on a model whose probabilities are known, and every field of a Score."""

import math
from dataclasses import asdict, replace

import pytest

import charlm

HALF, QUARTER = math.log(1 / 2), math.log(1 / 4)


def approx(value: object) -> object:
    return pytest.approx(value, abs=1e-6)


def test_a_score_worked_by_hand(bigram_model: charlm.LanguageModel) -> None:
    """P(a) · P(b | a) · P(<EOS> | b) = 1/2 · 1/2 · 1/2 = 1/8: 3 bits for 3 tokens, perplexity 2, 1 bit a character.

    The line end that is scored as <EOS> is a character.
    """
    assert asdict(bigram_model.score("ab")) == {
        "text": "ab",
        "tokens": ["a", "b", None],
        "logprobs": approx([HALF, HALF, HALF]),
        "logprob": approx(math.log(1 / 8)),
        "perplexity": approx(2.0),
        "bits_per_char": approx(1.0),
        "unknown": 0,
        "eos": True,
        "bits_per_char_known": None,
    }


def test_a_score_without_its_end_worked_by_hand(bigram_model: charlm.LanguageModel) -> None:
    """P(b) · P(a | b) · P(a | a) · P(b | a) = 1/4 · 1/4 · 1/4 · 1/2 = 2^-7: 7 bits for 4 tokens."""
    score = bigram_model.score("baab", eos=False)
    assert score.tokens == ["b", "a", "a", "b"] and not score.eos
    assert score.logprobs == approx([QUARTER, QUARTER, QUARTER, HALF])
    assert score.logprob == approx(-7 * math.log(2))
    assert score.perplexity == approx(2 ** (7 / 4))
    assert score.bits_per_char == approx(7 / 4)


def test_the_end_of_a_line_is_scored_and_that_of_a_stream_is_not(bigram_model: charlm.LanguageModel) -> None:
    """1/2 · 1/4 for "a" and its end in a model of lines, 1/2 in one of a stream, where only --eos asks for the end.

    The end of a stream is a token but no character: 3 bits, 2 tokens, 1 character.
    """
    stream = replace(bigram_model, config=replace(bigram_model.config, sequence="stream"))
    line, cut, asked = bigram_model.score("a"), stream.score("a"), stream.score("a", eos=True)
    assert (line.eos, line.logprob, line.bits_per_char) == (True, approx(math.log(1 / 8)), approx(1.5))
    assert (cut.eos, cut.logprob, cut.bits_per_char) == (False, approx(HALF), approx(1.0))
    assert (asked.eos, asked.logprob, asked.bits_per_char) == (True, approx(math.log(1 / 8)), approx(3.0))


def test_an_empty_line_is_its_end_alone(bigram_model: charlm.LanguageModel) -> None:
    score = bigram_model.score("")
    assert (score.tokens, score.logprob, score.perplexity) == ([None], approx(QUARTER), approx(4.0))
    assert score.bits_per_char == approx(2.0)


def test_an_empty_text_of_a_stream_is_certain(stream_model: charlm.LanguageModel) -> None:
    score = stream_model.score("")
    assert (score.tokens, score.logprobs, score.logprob) == ([], [], 0.0)
    assert math.copysign(1, score.logprob) == 1  # 0, not -0
    assert score.perplexity is None and score.bits_per_char is None


def test_many_texts_are_scored_as_each_would_be(bigram_model: charlm.LanguageModel) -> None:
    texts = ["ab", "", "baab", "ab"]
    for found, text in zip(bigram_model.score_many(texts), texts, strict=True):
        assert asdict(found) == asdict(bigram_model.score(text))
    assert bigram_model.score_many([]) == []


def test_unknown_characters_are_read_as_one_symbol_and_left_out_of_the_known_bits(
    bigram_model: charlm.LanguageModel,
) -> None:
    """P(a) = 1/2, then <UNK>, which never was a target, and P(b | <UNK>) is what the network makes of it.

    A cell that has read only <UNK> gives all three targets 1/3. Known: a, b, <EOS> with 1/2 · 1/3 · 1/2 = 1/12.
    """
    score = bigram_model.score("aéb")
    assert score.tokens == ["a", None, "b", None]
    assert score.logprobs == approx([HALF, -math.inf, math.log(1 / 3), HALF])
    assert (score.unknown, score.bits_per_char) == (1, None)
    assert score.bits_per_char_known == approx(math.log2(12) / 3)


def test_unknown_characters_may_be_left_out(bigram_model: charlm.LanguageModel) -> None:
    score = bigram_model.score("aéb€", unknown="skip")
    assert score.text == "aéb€"
    assert (score.tokens, score.logprob, score.unknown) == (["a", "b", None], approx(math.log(1 / 8)), 2)
    assert (score.bits_per_char, score.bits_per_char_known) == (None, approx(1.0))


def test_unknown_characters_may_be_refused(bigram_model: charlm.LanguageModel) -> None:
    with pytest.raises(charlm.UnknownCharacterError, match=r"'é' \(U\+00E9\) at character 3"):
        bigram_model.score_many(["ab", "aaé€"], unknown="error")
    with pytest.raises(charlm.ConfigError, match="unk, error or skip"):
        bigram_model.score("ab", unknown="ignore")  # type: ignore[arg-type]


def test_in_a_model_of_lines_a_text_is_one_line(bigram_model: charlm.LanguageModel) -> None:
    with pytest.raises(charlm.ConfigError, match="newline"):
        bigram_model.score("a\nb")
    parts = bigram_model.score_many(charlm.lines("ab\r\nb\n"))
    assert [score.text for score in parts] == ["ab", "b"]
    assert all(score.unknown == 0 for score in parts)


def test_the_letters_of_a_control_symbol_are_letters(stream_model: charlm.LanguageModel) -> None:
    score = stream_model.score("<EOS>", unknown="skip")
    assert score.unknown + len(score.tokens) == 5 and None not in score.tokens
