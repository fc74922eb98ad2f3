"""The probability of a text, worked by hand on a model whose probabilities are known, and every field of a Score."""

import math
from dataclasses import asdict, replace

import pytest
from conftest import of_bigrams

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
        "bos": True,
        "context": "",
        "unit": "token",
        "given": [],
        "known": 3,
        "logprob_known": approx(math.log(1 / 8)),
        "perplexity_known": approx(2.0),
        "characters": 3,
        "characters_known": 3,
        "entropies": None,
        "ranks": None,
        "alternatives": None,
        "lengths": None,
        "originals": None,
        "adapting": None,
        "scored_context": None,
        "gates": None,
        "counts_shares": None,
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
    for result, text in zip(bigram_model.score_many(texts), texts, strict=True):
        assert asdict(result) == asdict(bigram_model.score(text))
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
    assert (score.perplexity, score.known) == (math.inf, 3)
    assert score.logprob_known == approx(-math.log(12))
    assert score.perplexity_known == approx(12 ** (1 / 3))


def test_unknown_characters_may_be_left_out(bigram_model: charlm.LanguageModel) -> None:
    score = bigram_model.score("aéb€", unknown="skip")
    assert score.text == "aéb€"
    assert (score.tokens, score.logprob, score.unknown) == (["a", "b", None], approx(math.log(1 / 8)), 2)
    assert (score.bits_per_char, score.bits_per_char_known) == (None, approx(1.0))


def test_unknown_characters_may_be_refused(bigram_model: charlm.LanguageModel) -> None:
    with pytest.raises(charlm.UnknownCharacterError, match=r"'é' \(U\+00E9\), character 3"):
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


# conventions


def test_without_the_start_the_first_token_is_context(bigram_model: charlm.LanguageModel) -> None:
    """P(b | a) · P(<EOS> | b) = 1/2 · 1/2, whatever P(a) is; b and the line end are two characters with 2 bits."""
    score = bigram_model.score("ab", bos=False)
    assert (score.given, score.tokens, score.bos) == (["a"], ["b", None], False)
    assert score.logprobs == approx([HALF, HALF])
    assert (score.logprob, score.bits_per_char, score.perplexity) == approx((2 * HALF, 1.0, 2.0))


@pytest.mark.parametrize(("text", "eos", "given"), [("", False, []), ("", True, [None]), ("a", False, ["a"])])
def test_without_the_start_nothing_may_be_left_to_score(
    bigram_model: charlm.LanguageModel, text: str, eos: bool, given: list[str | None]
) -> None:
    score = bigram_model.score(text, bos=False, eos=eos)
    assert (score.given, score.tokens, score.logprob, score.perplexity) == (given, [], 0.0, None)


def test_a_context_is_read_and_not_scored(bigram_model: charlm.LanguageModel) -> None:
    """P(b | a) · P(<EOS> | b) after any context that ends in a; with one the start may be left out at no loss."""
    for context in ("a", "ba", "bbbba"):
        for bos in (True, False):
            score = bigram_model.score("b", context=context, bos=bos)
            assert (score.context, score.given, score.tokens) == (context, [], ["b", None])
            assert score.logprobs == approx([HALF, HALF])
            assert score.bits_per_char == approx(1.0)


def test_the_score_after_a_context_is_that_of_the_whole_less_that_of_the_context(model: charlm.LanguageModel) -> None:
    """log P(text | context) = log P(context text) - log P(context), with and without the start, with and without the
    end."""
    text = model.tokenizer.without_unknown("the cat and the word")
    for bos in (True, False):
        for eos in (model.line, False):
            whole = model.score(text, eos=eos, bos=bos).logprob
            for cut in range(1, len(text)):
                context = model.score(text[:cut], eos=False, bos=bos).logprob
                rest = model.score(text[cut:], context=text[:cut], eos=eos, bos=bos).logprob
                assert whole == pytest.approx(context + rest, abs=1e-4)


def test_a_context_may_have_unknown_characters_that_are_not_counted(bigram_model: charlm.LanguageModel) -> None:
    assert bigram_model.score("b", context="€a").unknown == 0
    with pytest.raises(charlm.UnknownCharacterError):
        bigram_model.score("b", context="€a", unknown="error")
    with pytest.raises(charlm.ConfigError, match="newline"):
        bigram_model.score("b", context="a\n")


# words

SPACED = {
    "": {"a": 1 / 2, " ": 1 / 4, "": 1 / 4},
    "a": {"a": 1 / 4, " ": 1 / 4, "": 1 / 2},
    " ": {"a": 1 / 2, " ": 1 / 4, "": 1 / 4},
}  # P(next | symbol) with a space in between, where "" is the start before and the end after it


@pytest.fixture(scope="module")
def spaced() -> charlm.LanguageModel:
    return of_bigrams(SPACED)


def test_words_worked_by_hand(spaced: charlm.LanguageModel) -> None:
    """After an a the word ends, by a space or <EOS>, with 1/4 + 1/2 = 3/4.

    P("a") = 1/2 · 3/4; P("aa") = (1/4 · 1/2 · 1/4) / (3/4) · 3/4, the boundary before it being known and that after it
    its own; then 1/2 / (3/4) for <EOS> rather than a space.
    """
    score = spaced.score("a aa", unit="word")
    assert (score.unit, score.tokens) == ("word", ["a", " aa", None])
    assert score.logprobs == approx([math.log(3 / 8), math.log(1 / 32), math.log(2 / 3)])
    assert score.logprob == approx(sum(score.logprobs)) == approx(math.log(1 / 128))
    assert score.perplexity == approx(128 ** (1 / 3))
    assert score.bits_per_char == approx(7 / 5)


def test_the_probabilities_of_all_words_sum_to_that_of_a_word(spaced: charlm.LanguageModel) -> None:
    """A word begins with probability 1/2; summed over tokens alone the words a, aa, aaa, ... would have 2/3."""
    words = [spaced.score("a" * n + " a", unit="word").logprobs[0] for n in range(1, 30)]
    tokens = [spaced.score("a" * n, eos=False).logprob for n in range(1, 30)]
    assert sum(map(math.exp, words)) == approx(1 / 2)
    assert sum(map(math.exp, tokens)) == approx(2 / 3)


def test_words_sum_to_the_text_whatever_stands_between(model: charlm.LanguageModel) -> None:
    for text in ("the cat", " the  cat ", "a", " ", "", "the cats\tsat €x on"):
        for eos in (model.line, False):
            words, tokens = (model.score(text, unit=unit, eos=eos) for unit in ("word", "token"))
            assert words.logprob == tokens.logprob
            assert "".join(word or "" for word in words.tokens) == text
            if math.isfinite(tokens.logprob):
                assert sum(words.logprobs) == pytest.approx(tokens.logprob, abs=1e-9)


def test_without_its_end_the_last_word_stays_open(spaced: charlm.LanguageModel) -> None:
    """P(a · a) = 1/2 · 3/4 for the first, (1/4 · 1/2) / (3/4) for what begins with a."""
    score = spaced.score("a a", unit="word", eos=False)
    assert score.tokens == ["a", " a"]
    assert score.logprobs == approx([math.log(3 / 8), math.log(1 / 6)])


def test_a_word_with_an_unknown_character_is_unknown(spaced: charlm.LanguageModel) -> None:
    score = spaced.score("a éa a", unit="word")
    assert (score.known, score.unknown, score.perplexity) == (3, 1, math.inf)
    assert score.perplexity_known == approx(math.exp(-sum(score.logprobs[index] for index in (0, 2, 3)) / 3))


def test_a_model_that_knows_no_boundary_has_words_all_the_same(bigram_model: charlm.LanguageModel) -> None:
    bigram_model.network.allowed_tokens[bigram_model.tokenizer.EOS] = False
    score = bigram_model.score("ab", unit="word", eos=True)
    assert score.logprobs == [approx(math.log(2 / 3) + math.log(2 / 3)), -math.inf]


def test_characters_are_tokens_of_a_model_of_characters(bigram_model: charlm.LanguageModel) -> None:
    char, token = (asdict(bigram_model.score("ab", unit=unit)) for unit in ("char", "token"))
    assert char == {**token, "unit": "char"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"unit": "syllable"}, "char, token or word"),
        ({"unit": "word", "bos": False}, "first word"),
        ({"unit": "word", "alternatives": 0}, "tokens only"),
        ({"alternatives": -1}, "alternatives"),
    ],
)
def test_what_has_no_answer_is_refused(
    bigram_model: charlm.LanguageModel, settings: dict[str, object], words: str
) -> None:
    with pytest.raises(charlm.ConfigError, match=words):
        bigram_model.score("ab", **settings)  # type: ignore[arg-type]


# the whole distribution


def test_entropy_and_rank_worked_by_hand(bigram_model: charlm.LanguageModel) -> None:
    """At every step one symbol has 1/2 and two have 1/4: 1.5 bits. Ranks: a at the start, b after a, <EOS> after b."""
    score = bigram_model.score("ba", alternatives=0)
    assert score.entropies == approx([1.5 * math.log(2)] * 3)
    assert score.ranks == [2, 2, 2]
    assert bigram_model.score("ab", alternatives=0).ranks == [1, 1, 1]
    assert score.alternatives is None


def test_alternatives_are_what_next_token_says(model: charlm.LanguageModel) -> None:
    text = model.tokenizer.without_unknown("the cat")
    score = model.score(text, alternatives=3)
    assert score.alternatives is not None and score.ranks is not None and score.entropies is not None
    for index, (result, rank, entropy) in enumerate(zip(score.alternatives, score.ranks, score.entropies, strict=True)):
        expected = model.next_token_probabilities(text[:index])
        assert [name for name, _ in result] == [each.text for each in expected[:3]]
        assert [math.exp(value) for _, value in result] == approx([each.probability for each in expected[:3]])
        target = score.tokens[index]
        assert rank == 1 + sum(
            math.log(each.probability) > score.logprobs[index] + 1e-6 for each in expected if each.probability
        )
        assert entropy == approx(-sum(p * math.log(p) for p in (each.probability for each in expected) if p))
        assert target in [each.text for each in expected]


def test_more_alternatives_than_symbols_are_all_symbols(bigram_model: charlm.LanguageModel) -> None:
    score = bigram_model.score("a", alternatives=99)
    assert score.alternatives is not None
    assert [len(each) for each in score.alternatives] == [bigram_model.tokenizer.size] * 2
