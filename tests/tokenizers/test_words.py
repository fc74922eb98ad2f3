"""Words: how a text is cut, which words become tokens, and how the others are encoded."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import charlm
from charlm.config import ModelConfig, TextMode
from charlm.tokenizers import Unknown, word
from charlm.tokenizers.word import WordTokenizer

MODEST = settings(max_examples=100, deadline=None, derandomize=True)
TEXTS = st.text("aab bc'’é\n\t.漢字กไ１_")


def train(*texts: str, mode: TextMode = TextMode.STREAM, **config: Any) -> WordTokenizer:
    return WordTokenizer.train([[text] for text in texts], ModelConfig(tokenizer="word", **config), mode=mode)


def cut(text: str) -> list[str | None]:
    """Return the tokens of a text if every word is a token."""
    tokenizer = train(text, min_count=1)
    return tokenizer.token_texts(tokenizer.encode(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't panic, it's 1.5 km!", "Don't| |panic|,| |it's| |1|.|5| |km|!"),
        ("l’été: naïve cafe\u0301s", "l’été|:| |naïve| |cafe\u0301s"),
        ("'tis the dogs' snake_case", "'|tis| |the| |dogs|'| |snake_case"),
        ("def f(x):\n        return\n\n\n", "def| |f|(|x|)|:|\n|        |return|\n\n\n"),
        ("Die Straße\r\n\tи слова", "Die| |Straße|\r|\n|\t|и| |слова"),
        ("私は東京", "私|は|東|京"),
        ("ok 👍🏽", "ok| |👍|🏽"),
    ],
)
def test_a_text_is_words_spaces_and_signs(text: str, words: str) -> None:
    assert cut(text) == words.split("|")


@MODEST
@given(st.text("aB_9'. \n\t\x0b"))
def test_a_line_is_cut_alike_beside_other_characters(text: str) -> None:
    """Lines of ASCII characters have an expression of their own, which is faster."""
    assert cut(f"{text}.é") == [*cut(f"{text}."), "é"]
    assert cut(f"é.{text}.é.{text}.") == [*cut("é"), *cut(f".{text}."), *cut("é"), *cut(f".{text}.")]


def test_no_word_is_endless() -> None:
    """A megabyte without a space is cut into pieces of bounded length, in linear time."""
    text = "ab" * 500_000 + " " * 1_000
    found = cut(text)
    assert "".join(map(str, found)) == text
    assert max(len(str(each)) for each in found) <= 64


def test_the_common_words_come_first_and_the_rest_is_spelled() -> None:
    tokenizer = train("the cat the cat the dog ate a rat")
    assert tokenizer.words[:3] == (" ", "a", "the")  # the letters of words that are there once among them
    assert [each for each in tokenizer.words if len(each) > 1] == ["the", "cat"]
    assert tokenizer.token_texts(tokenizer.encode("the dog cat")) == ["the", " ", "d", "o", "g", " ", "cat"]
    uses = np.bincount(tokenizer.encode("the cat the cat the dog ate a rat"), minlength=tokenizer.size)[3:]
    assert (np.diff(uses) <= 0).all()


def test_words_as_common_as_each_other_are_in_order_of_their_letters() -> None:
    one, two = train("bb aa bb aa cc cc"), train("cc aa", "bb cc bb", "aa")
    assert [each for each in one.words if len(each) > 1] == ["aa", "bb", "cc"]
    assert [each for each in two.words if len(each) > 1] == ["aa", "bb", "cc"]


@MODEST
@given(TEXTS, TEXTS, st.booleans())
def test_what_a_closed_vocabulary_does_not_know_is_marked_in_whole_words(learned: str, text: str, once: bool) -> None:
    """They are counted: every character belongs to a known or to an unknown token."""
    tokenizer = train(learned, closed=True, min_count=1 + once)
    ids = tokenizer.encode(text)
    lengths = tokenizer.lengths(text, ids)
    assert lengths.sum() == len(text)
    ends = np.cumsum(lengths)
    known = ids != tokenizer.UNK
    kept = "".join(text[end - length : end] for end, length in zip(ends[known], lengths[known], strict=True))
    assert tokenizer.without_unknown(text) == kept
    first = tokenizer.first_unknown(text)
    if known.all():
        assert first is None and tokenizer.decode(ids) == text
    else:
        place = int((~known).argmax())
        start = int(ends[place] - lengths[place])
        assert first == Unknown(start, text[start : int(ends[place])])
        assert tokenizer.decode(ids).count("\ufffd") == tokenizer.count_unknown(text)


def test_a_closed_vocabulary_still_spells_what_is_no_word() -> None:
    tokenizer = train("a cat. a cat.", closed=True)
    ids = tokenizer.encode("a zebra.  a b")
    assert tokenizer.decode(ids) == "a \ufffd.  a \ufffd"
    assert tokenizer.lengths("a zebra.  a b", ids).tolist() == [1, 1, 5, 1, 1, 1, 1, 1, 1]
    assert {str(tokenizer.token_text(index)) for index in np.flatnonzero(tokenizer.fallback_tokens())} == {" ", "."}
    assert train("a cat. a cat.").fallback_tokens()[3:].sum() == len(set("a cat."))


def test_the_size_is_what_was_asked_for_or_the_reason_why_not() -> None:
    text = "the cat and the dog and the cow"  # 9 characters, 2 words that are there twice, 3 control symbols
    letters = len(set(text))
    for size in range(3 + letters, 3 + letters + 3):
        assert train(text, vocab_size=size).size == size
    with pytest.raises(charlm.ConfigError, match=f"supports {3 + letters + 2}: 2 words that occur at least 2 times"):
        train(text, vocab_size=3 + letters + 3)
    assert train(text, vocab_size=3 + letters + 3, min_count=1).size == 3 + letters + 3
    with pytest.raises(charlm.ConfigError, match=f"make it {3 + letters} or more"):
        train(text, vocab_size=2 + letters)


def test_a_vocabulary_nobody_chose_is_not_larger_than_a_network_bears(monkeypatch: pytest.MonkeyPatch) -> None:
    text = " ".join(f"w{number}" for number in range(40)) + " "
    monkeypatch.setattr(word, "LARGEST_UNASKED", 30)
    assert train(text * 2).size == 30
    assert train("".join(map(chr, range(0x4E00, 0x4E00 + 50)))).size == 53  # every character has its symbol


def test_lines_have_no_newline_in_them() -> None:
    tokenizer = train("the cat\n\n\nthe cat\n", mode=TextMode.LINE)
    assert not any("\n" in each for each in tokenizer.words)
    ids = np.concatenate(list(tokenizer.encode_pieces(["the cat\n", "\nthe\n"], mode=TextMode.LINE)))
    assert tokenizer.token_texts(ids) == ["the", " ", "cat", None, None, "the", None]


@MODEST
@given(st.lists(st.text("abcd ", min_size=1), min_size=1), st.booleans())
def test_counting_more_words_than_memory_holds_forgets_rare_ones_alone(texts: list[str], closed: bool) -> None:
    """No letter is missing from the rest, and the pieces of the text do not affect what is forgotten."""
    text = " ".join(texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word, "_COUNTED", 7)
        patch.setattr(word, "_CHUNK", 5)
        tokenizer = train(text, closed=closed)
        pieces = WordTokenizer.train([iter(text)], ModelConfig(closed=closed))
    assert pieces.to_json() == tokenizer.to_json()
    assert {each for each in tokenizer.words if len(each) > 1} <= set(re.findall(r"\w+| +", text))
    if not closed:
        assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"words": ["a", "a"], "closed": False}, "once"),
        ({"words": ["a b"], "closed": False}, "'a b' is not one word"),
        ({"words": [""], "closed": False}, "'' is not one word"),
        ({"words": ["x" * 65], "closed": False}, "is not one word"),
        ({"words": [3], "closed": False}, "strings"),
        ({"words": ["a"], "closed": 1}, "true or false"),
        ({"words": ["a"]}, "must contain"),
    ],
)
def test_a_list_that_no_training_gives_is_refused(values: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WordTokenizer.from_json(values)
