"""P(text | context) where a token spans the end of the context, worked by hand and for every tokenizer."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Outcome
from word_models import TOKENIZERS, model_of_words, untrained

import charlm
from charlm.comparison.pairs import Pair, judge

Run = Callable[..., Outcome]


@pytest.fixture(scope="module")
def words() -> charlm.LanguageModel:
    return model_of_words()


def test_a_token_that_spans_the_end_of_the_context_is_scored_whole(words: charlm.LanguageModel) -> None:
    """The whole of "ab a" and "b a" is ab, space, ab, ...; from the last shared boundary: 1/2 · 1/2 · 1/8 · 1/4.

    Cut apart, the text would begin with the letter b after a, which the whole never has.
    """
    score = words.score("b a", context="ab a")
    assert (score.text, score.context, score.scored_context) == ("b a", "ab a", "a")
    assert score.tokens == ["ab", " ", "a", None]
    assert [math.exp(each) for each in score.logprobs] == pytest.approx([1 / 2, 1 / 2, 1 / 8, 1 / 4])
    assert score.logprob == pytest.approx(math.log(1 / 128))
    assert score.bits_per_char == pytest.approx(7 / 5)  # of "ab a" and the line end
    whole, before = words.score("ab ab a"), words.score("ab ", eos=False)
    assert score.logprob == pytest.approx(whole.logprob - before.logprob)


def test_a_context_that_ends_where_a_token_does_is_not_scored(words: charlm.LanguageModel) -> None:
    for context, text in (("ab ", "ab a"), ("ab", " a"), ("a", " a"), ("", "ab"), ("ab", "")):
        score = words.score(text, context=context)
        assert score.scored_context is None and "".join(each or "" for each in score.tokens) == text
        whole, before = words.score(context + text), words.score(context, eos=False)
        assert score.logprob == pytest.approx(whole.logprob - before.logprob)


def test_a_context_whose_tokens_change_is_scored_too(words: charlm.LanguageModel) -> None:
    """Alone, "ab" is a token; "abb" is spelled, and a boundary is where the context ends."""
    score = words.score("b", context="a ab")
    assert (score.scored_context, score.tokens) == ("ab", ["a", "b", "b", None])


def test_a_boundary_may_move_to_the_start_of_the_text(words: charlm.LanguageModel) -> None:
    """Without the start token the first token of the whole is context, as it is in a text without a context."""
    assert words.score("b", context="a").tokens == ["ab", None]
    without = words.score("b", context="a", bos=False)
    assert (without.scored_context, without.given, without.tokens) == ("a", ["ab"], [None])
    assert without.logprob == pytest.approx(math.log(1 / 2))


def test_words_are_those_from_the_boundary_on(words: charlm.LanguageModel) -> None:
    score = words.score("b a", context="ab a", unit="word")
    assert score.tokens == ["ab", " a", None] and score.scored_context == "a"
    assert sum(score.logprobs) == pytest.approx(math.log(1 / 128))


def test_each_text_has_a_boundary_of_its_own(words: charlm.LanguageModel) -> None:
    assert [each.scored_context for each in words.score_many(["b", " b", "a"], context="a")] == ["a", None, None]


def test_an_unknown_word_that_spans_the_end_is_named(words: charlm.LanguageModel) -> None:
    """In a closed vocabulary "ax" is one unknown word, and "a" with "b" is a known one."""
    closed = model_of_words(closed=True)
    assert closed.score("b", context="a", unknown="error").unknown == 0
    score = closed.score("x b", context="ab a")
    assert (score.unknown, score.scored_context, score.tokens) == (2, "a", [None, " ", "b", None])
    with pytest.raises(charlm.UnknownCharacterError, match=r"does not know 'ax', character 1 of the text"):
        closed.score("x b", context="ab a", unknown="error")
    with pytest.raises(charlm.UnknownCharacterError, match=r"does not know 'x' .U.0078., character 3 of the text"):
        closed.score("b x", context="a", unknown="error")
    left_out = closed.score("x b", context="ab a", unknown="skip")
    assert (left_out.unknown, left_out.tokens) == (2, [" ", "b", None])


def test_a_pair_is_judged_from_one_boundary(words: charlm.LanguageModel) -> None:
    """P("ab") = 1/4 · 1/2 is more than P("a ab") = 1/2 · 1/2 · 1/2 · 1/2, of which 1/8 follows the context "a"."""
    assert judge(words, [Pair("b", " ab"), Pair(" ab", "b"), Pair("b", " b")], context="a") == [True, False, True]
    alone = words.score(" ab", context="a").logprob
    assert alone == pytest.approx(math.log(1 / 8)) and words.score("b", context="a").logprob == pytest.approx(alone)


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_the_scored_tokens_are_the_last_of_the_whole(kind: str) -> None:
    """Try every cut of a text with letters of two bytes and one that no piece has."""
    model = untrained(TOKENIZERS[kind])
    text = "cats  cat éü cat"
    whole = model.score(text)
    for cut in range(len(text) + 1):
        score = model.score(text[cut:], context=text[:cut])
        count = len(score.logprobs)
        assert score.tokens == whole.tokens[len(whole.tokens) - count :]
        assert score.logprobs == pytest.approx(whole.logprobs[len(whole.tokens) - count :], abs=1e-5)
        before = model.score(text[: cut - len(score.scored_context or "")]).logprob
        assert before + score.logprob == pytest.approx(whole.logprob, abs=1e-4)
        assert text[:cut].endswith(score.scored_context or "")
        assert score.scored_context is None or kind not in ("char", "byte")


@pytest.fixture
def command(
    words: charlm.LanguageModel, run: Run, line_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Outcome]:
    """`charlm score` with the model whose probabilities are known."""
    monkeypatch.setattr("charlm.cli.score.load_model", lambda folder, quiet: words)
    return lambda *arguments: run("score", "-m", line_folder, *arguments)


def test_json_has_the_part_of_the_context_that_is_scored(command: Callable[..., Outcome]) -> None:
    done = command("--json", "--context", "ab a", "b a", " b")
    moved, exact = map(json.loads, done.out.splitlines())
    assert (moved["context"], moved["scored_context"], moved["tokens"]) == ("ab a", "a", ["ab", " ", "a", None])
    assert "scored_context" not in exact and exact["tokens"] == [" ", "b", None]
    said = "other tokens with the text after it, for 1 of 2 texts: text 1 is scored from 'a' on"
    assert said in done.err
    assert "with the text after it: text 1 is scored from 'a' on" in command("--context", "a", "b").err
    assert "is scored from" not in command("--context", "a", " b").err + command("b").err
    assert command("--context", "a", "b", "--quiet").err == ""


@pytest.mark.parametrize("form", ["table", "tsv", "heat"])
def test_other_formats_begin_with_the_token_that_spans_the_end(command: Callable[..., Outcome], form: str) -> None:
    done = command("--context", "a", "--format", form, "b b")
    assert done.code == 0 and "ab" in done.out and "is scored from" in done.err


def test_the_words_of_kenlm_are_those_of_the_text(command: Callable[..., Outcome]) -> None:
    """The first word has the value of its whole token; words and end sum to the score."""
    done = command("--format", "kenlm", "--context", "a", "b ab")
    first, second, end, total = done.out.splitlines()[0].split("\t")
    assert [each.split()[0] for each in (first, second, end)] == ["b=1", "ab=1", "</s>=2"]
    assert float(first.split()[2]) == pytest.approx(math.log10(1 / 4))
    assert float(second.split()[2]) == pytest.approx(math.log10(1 / 4))
    assert float(total.split()[1]) == pytest.approx(math.log10(1 / 32))
    assert "is scored from" in done.err


def test_a_page_begins_with_the_token_that_spans_the_end(command: Callable[..., Outcome], tmp_path: Path) -> None:
    assert command("--context", "a", "b b", "--format", "html", "--output", "page.html").code == 0
    assert ">ab</b>" in (tmp_path / "page.html").read_text(encoding="utf-8")
