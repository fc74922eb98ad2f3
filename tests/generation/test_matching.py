"""Samples that must match a regular expression: they always do, and nothing that could have is forbidden."""

import itertools
import math
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import charlm
from charlm.generation.must_match.matching import MustMatch
from charlm.tokenizers import Tokenizer
from charlm.tokenizers.char import CharTokenizer

PATTERNS = st.recursive(
    st.sampled_from(["a", "b", "ab", "ba", ".", "[ab]", "[^a]", r"\w", "(?:)"]),
    lambda inner: (
        st.tuples(inner, inner).map("".join)
        | st.tuples(inner, inner).map(lambda two: f"(?:{two[0]}|{two[1]})")
        | st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{2,}", "*?"])).map(
            lambda two: f"({two[0]}){two[1]}"
        )
    ),
    max_leaves=6,
)
LETTERS = {"a": 3, "b": 4}


def matches(pattern: str, length: int) -> set[str]:
    """Every text of "a" and "b" up to that length that the pattern matches as a whole."""
    texts = ("".join(text) for n in range(length + 1) for text in itertools.product("ab", repeat=n))
    return {text for text in texts if re.fullmatch(pattern, text)}


@settings(max_examples=150, deadline=None, derandomize=True)
@given(PATTERNS, st.integers(1, 6))
def test_allowed_is_exactly_what_can_still_become_a_match(pattern: str, length: int) -> None:
    """After each beginning of a match: the letters that some match within the length goes on with, or the end."""
    wanted = matches(pattern, length)
    predictable = torch.tensor([False, False, True, True, True])
    if not wanted:
        with pytest.raises(charlm.ConfigError, match="no text"):
            MustMatch.compile(pattern, CharTokenizer("ab"), predictable, length)
        return
    sampler = MustMatch.compile(pattern, CharTokenizer("ab"), predictable, length)
    for text in wanted:
        state = sampler.start(1)
        for n in range(min(len(text) + 1, length)):
            history = torch.tensor([[4, *(LETTERS[letter] for letter in text[:n])]])
            found, state = sampler(torch.zeros(1, 5), history, state)
            following = {LETTERS[other[n]] for other in wanted if other.startswith(text[:n]) and len(other) > n}
            ends = {Tokenizer.EOS} if text[:n] in wanted else set()
            assert {symbol for symbol in range(5) if found[0, symbol] > -math.inf} == following | ends


@settings(max_examples=60, deadline=None, derandomize=True)
@given(pattern=PATTERNS, length=st.integers(1, 8), lines=st.booleans(), seed=st.integers(0, 99))
def test_what_is_drawn_always_matches(
    trained: dict[bool, charlm.LanguageModel], pattern: str, length: int, lines: bool, seed: int
) -> None:
    """The models know other letters too (but no b), and each other setting is used with it."""
    possible, pattern = matches(pattern, length), pattern.replace("b", "t")
    for change in ({}, {"temperature": 0.0}, {"temperature": 5.0, "top_k": 2, "no_repeat": 2, "typical": 0.5}):
        try:
            drawn = trained[lines].sample(
                "the ",
                must_match=pattern,
                length=length,
                count=3,
                seed=seed,
                **change,  # type: ignore[arg-type]
            )
        except charlm.ConfigError:
            assert not possible
            continue
        for sample in drawn:
            assert re.fullmatch(pattern, sample.text), (pattern, sample)
            assert sample.tokens == len(sample.text) + (sample.stopped == "eos") <= length


@pytest.fixture(scope="module")
def trained(line_model: charlm.LanguageModel, stream_model: charlm.LanguageModel) -> dict[bool, charlm.LanguageModel]:
    return {True: line_model, False: stream_model}


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"the (cat|dog) sat\.", "the cat sat."),
        (r"[a-z]{3}, [a-z]{3}", None),
        (r"[^aeiou\s]+", None),
        (r"(?i)THE END", "the end"),
        (r"\s+w\w*d", None),
    ],
)
def test_patterns_of_everyday(stream_model: charlm.LanguageModel, pattern: str, text: str | None) -> None:
    for sample in stream_model.sample("And ", must_match=pattern, length=20, count=5, temperature=0.7, seed=1):
        assert re.fullmatch(pattern, sample.text)
        assert text is None or sample.text.lower() == text or "dog" in sample.text


def test_the_logprob_is_that_of_the_free_model(model: charlm.LanguageModel) -> None:
    for sample in model.sample("the ", must_match="[st]+a", length=9, count=8, seed=1):
        whole = model.score("the " + sample.text, eos=sample.stopped == "eos").logprob
        assert sample.logprob == pytest.approx(whole - model.score("the ", eos=False).logprob, abs=1e-3)


def test_a_text_ends_where_nothing_more_can_match(
    line_model: charlm.LanguageModel, stream_model: charlm.LanguageModel
) -> None:
    """By <EOS>, or in a model that has none without it; one that could go on goes on to the length."""
    assert {each.stopped for each in line_model.sample(must_match="[a-t]{3}", count=9, seed=1)} == {"eos"}
    for sample in stream_model.sample(must_match="[a-t]{3}", count=9, seed=1):
        assert (len(sample.text), sample.tokens, sample.stopped) == (3, 3, "match")
    (long,) = stream_model.sample(must_match="[a-t]{3,}", length=12, seed=1)
    assert (len(long.text), long.stopped) == (12, "length")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"must_match": "(a"}, "must_match: "),
        ({"must_match": "[[:alpha:]]"}, "is not a regular expression: Possible nested set"),
        ({"must_match": "(" * 200 + "a" + ")*" * 200}, "is nested too deep"),
        ({"must_match": "(" * 2000 + "a" + ")*" * 2000}, "is nested too deep"),
        ({"must_match": "a{5}", "length": 4}, r"no text of at most 4 tokens matches 'a\{5\}'; the shortest has 5"),
        ({"must_match": "€+"}, "no text that the model can write matches '€"),
        ({"must_match": "a", "stop": "b"}, "leave stop and whole out"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_matched_is_refused_at_once(
    stream_model: charlm.LanguageModel, settings: dict[str, str], message: str
) -> None:
    with pytest.raises(charlm.ConfigError, match=message):
        stream_model.generate(**settings)
