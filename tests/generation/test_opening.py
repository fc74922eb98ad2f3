"""Prompts that end inside a token: the last tokens are drawn again, among those that begin with their text."""

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Outcome, of_bigrams
from word_models import TOKENIZERS, WORDS, model_of_words, untrained

import charlm
from charlm.cli.interactive import Editor
from charlm.generation import drawing
from charlm.generation.generate import Piece
from charlm.generation.opening import Opening, open_prompt
from charlm.tokenizers.word import WordTokenizer

PROMPT = "ab a"  # after the space: ab with 1/2, a with 1/8


@pytest.fixture(scope="module")
def words() -> charlm.LanguageModel:
    return model_of_words()


def opening(model: charlm.LanguageModel, prompt: str, unknown: Any = "error") -> Opening:
    return open_prompt(model.network, model.tokenizer, prompt, unknown, allow_unk=False)


def test_the_first_token_is_drawn_among_those_that_begin_with_the_end(words: charlm.LanguageModel) -> None:
    """ab has 4/5 and a 1/5. After a, which adds nothing, follow a space 1/2, b 1/4 and <EOS> 1/4.

    log P of a sample is that of the token it adds: of ab 1/2, and of what follows a.
    """
    outcomes = {("b", 1 / 2): 4 / 5, (" ", 1 / 2): 1 / 10, ("b", 1 / 4): 1 / 20, ("", 1 / 4): 1 / 20}
    counts: Counter[tuple[str, float]] = Counter()
    for sample in words.sample(PROMPT, length=1, count=4000, seed=1):
        counts[sample.text, round(math.exp(sample.logprob), 4)] += 1
        assert (sample.prompt, sample.taken_back, sample.tokens) == (PROMPT, "a", 1)
        assert sample.stopped == ("eos" if sample.text == "" else "length")
    assert counts.keys() == outcomes.keys()
    assert sum((counts[each] - 4000 * p) ** 2 / (4000 * p) for each, p in outcomes.items()) < 16.27  # 1 in 1,000


def test_the_log_probability_is_that_of_the_text_in_the_context_of_the_prompt() -> None:
    """The letters a and b never follow one another, so every text is drawn as it is cut."""
    model = of_bigrams({**WORDS, "a": {" ": 3 / 4, "": 1 / 4}}, WordTokenizer(["a", "b", "ab", " "]))
    samples = model.sample(PROMPT, length=5, count=50, seed=2)
    assert {each.tokens for each in samples} >= {1, 2, 5}
    for sample in samples:
        score = model.score(sample.text, context=PROMPT, eos=sample.stopped == "eos")
        assert len(score.tokens) == sample.tokens
        assert score.logprob == pytest.approx(sample.logprob, abs=1e-4)


@pytest.mark.parametrize(
    ("first", "taken_back", "text"),
    [({"bab": 1 / 2, "b": 1 / 4, "": 1 / 4}, "ba", "b"), ({"bab": 1 / 16, "b": 1 / 2, "": 7 / 16}, None, "")],
)
def test_as_many_tokens_are_taken_back_as_make_the_prompt_likeliest(
    first: dict[str, float], taken_back: str | None, text: str
) -> None:
    """The letters b and a have P(b) · P(a | b) = P(b) / 2, and the token that begins with both has P(bab)."""
    bigrams = {"": first, "b": {"a": 1 / 2, "": 1 / 2}, "a": {"": 1.0}, "bab": {"": 1.0}}
    model = of_bigrams(bigrams, WordTokenizer(["a", "b", "bab"]))
    (sample,) = model.sample("ba", temperature=0, seed=1)
    assert (sample.taken_back, sample.text, sample.stopped) == (taken_back, text, "eos")
    (best,) = model.beam("ba", 9)
    assert (best.taken_back, best.text, best.tokens) == (taken_back, text, len(text) + 1)


def test_a_word_that_is_unknown_so_far_may_become_known() -> None:
    """In a closed vocabulary without the letter a, "a" begins "ab", and x begins nothing."""
    bigrams = {name: row for name, row in WORDS.items() if name not in ("a", "b")}
    bigrams = {name: {"ab": 1 / 4, " ": 1 / 2, "": 1 / 4} for name in bigrams}
    model = of_bigrams(bigrams, WordTokenizer(["ab", " "], closed=True))
    for unknown in ("error", "unk", "skip"):
        (sample,) = model.sample("ab a", temperature=0, length=1, unknown=unknown)
        assert (sample.prompt, sample.text, sample.taken_back) == ("ab a", "b", "a")
    with pytest.raises(charlm.UnknownCharacterError, match=r"'x'.*character 4"):
        model.sample("ab x")
    with pytest.raises(charlm.UnknownCharacterError, match=r"'x'.*character 1"):
        model.sample("x a")
    (skipped,) = model.sample("x a", temperature=0, length=1, unknown="skip")
    assert (skipped.prompt, skipped.text, skipped.taken_back) == (" a", "b", "a")


def test_an_unknown_end_that_is_left_out_does_not_hide_a_token(words: charlm.LanguageModel) -> None:
    (skipped,) = words.sample(f"{PROMPT}€", temperature=0, length=1, unknown="skip")
    assert (skipped.prompt, skipped.text, skipped.taken_back) == (PROMPT, "b", "a")
    (read,) = words.sample(f"{PROMPT}€", temperature=0, length=1, unknown="unk")
    assert (read.prompt, read.taken_back) == (f"{PROMPT}€", None)


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_what_is_read_and_what_is_taken_back_are_the_prompt(kind: str) -> None:
    """Cut the text anywhere. With characters and bytes nothing is taken back."""
    model, text = untrained(TOKENIZERS[kind]), "cats  cat éü ca"
    taken_back = set()
    for cut in range(len(text) + 1):
        opened = opening(model, text[:cut])
        assert model.tokenizer.decode(opened.ids) + opened.rest == opened.prompt == text[:cut]
        assert opened.ids.tolist() == model.tokenizer.encode(text[:cut]).tolist()[: len(opened.ids)]
        taken_back.add(opened.rest)
        for token in [] if opened.first_tokens is None else opened.first_tokens.nonzero()[:, 0].tolist():
            assert (model.tokenizer.token_text(token) or "").startswith(opened.rest)
    longest = {"char": "", "byte": "", "word": "ca", "unigram": " ca", "bpe": " ca"}[kind]
    assert longest in taken_back and (longest or taken_back == {""})


@pytest.mark.parametrize("kind", ["word", "unigram", "bpe"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"temperature": 2.0, "top_k": 5, "top_p": 0.9},
        {"repetition_penalty": 1.5, "repetition_ngram": 1, "no_repeat": 2, "min_p": 0.01},
        {"typical": 0.9, "mirostat": 3.0},
        {"stop": "t"},
        {"whole": "word"},
        {"must_match": "[acst ]{1,9}"},
        {"unique": True},
    ],
    ids=str,
)
def test_every_setting_works_after_such_a_prompt(
    kind: str, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pieces add up to the text, and a sample depends neither on the others nor on how it is drawn."""
    model, prompt = untrained(TOKENIZERS[kind]), "cat ca"
    settings = {"seed": 3, "length": 4, **settings}
    samples = model.sample(prompt, count=12, **settings)
    assert {each.taken_back for each in samples} <= {"ca", " ca", "a"} - {None}
    for sample in samples:
        assert sample.tokens == 4 if sample.stopped == "length" else sample.stopped in ("stop", "whole", "match")
        if settings.get("must_match"):
            assert re.fullmatch(settings["must_match"], sample.text)
    if "unique" in settings:
        assert len({each.text for each in samples}) == 12
        return
    pieces = [""] * 12
    for event in model.generate(prompt, count=12, **settings):
        if isinstance(event, Piece):
            pieces[event.index] += event.text
    assert pieces == [each.text for each in samples]
    assert "".join(model.stream(prompt, **settings)) == model.sample(prompt, count=1, **settings)[0].text == pieces[0]
    monkeypatch.setattr(drawing, "fits", lambda network, samplers: False)
    assert [each.text for each in model.sample(prompt, count=12, **settings)] == pieces


@pytest.mark.parametrize(
    ("pattern", "length", "texts"),
    [
        ("", 1, {""}),
        ("b?", 1, {"", "b"}),
        ("b", 1, {"b"}),
        (" b", 2, {" b"}),
        ("b?( ab)?", 3, {"", "b", " ab", "b ab"}),
        ("( a| b){2}", 4, {" a a", " a b", " b a", " b b"}),
    ],
)
def test_a_pattern_begins_after_the_prompt(
    words: charlm.LanguageModel, pattern: str, length: int, texts: set[str]
) -> None:
    """Also where the first token adds nothing, which then does not count for the length."""
    samples = words.sample(PROMPT, must_match=pattern, length=length, count=400, seed=1)
    assert {each.text for each in samples} == texts
    assert all(each.tokens <= length for each in samples)
    assert {each.stopped for each in samples} <= {"eos", "length"}


def test_a_pattern_that_no_first_token_allows_is_refused(words: charlm.LanguageModel) -> None:
    with pytest.raises(charlm.ConfigError, match="no text of at most 2 tokens"):
        words.sample(PROMPT, must_match="b ab ab", length=2)
    with pytest.raises(charlm.ConfigError, match="no text that the model can write"):
        words.sample(PROMPT, must_match="c")


def continuations(limit: int) -> list[tuple[float, float, str, int]]:
    """(log P with the first token, log P, text, tokens) of every continuation of PROMPT of up to `limit` tokens."""
    closed = []
    # The first token, what it adds, log P so far with it, log P without it if it adds nothing, tokens that count.
    open_ = [("ab", "b", math.log(1 / 2), math.log(1 / 2), 1), ("a", "", math.log(1 / 8), 0.0, 0)]
    while open_:
        token, text, joint, own, tokens = open_.pop()
        if tokens == limit:
            closed.append((joint, own, text, tokens))
            continue
        for follower, probability in WORDS[token].items():
            grown = (joint + math.log(probability), own + math.log(probability))
            if follower:
                open_.append((follower, text + follower, *grown, tokens + 1))
            else:
                closed.append((*grown, text, tokens + 1))
    return sorted(closed, reverse=True)


@pytest.mark.parametrize("limit", [1, 2, 4])
def test_a_beam_of_full_width_finds_the_likeliest_continuations(words: charlm.LanguageModel, limit: int) -> None:
    """They are compared by log P with the first token; a sample has log P of the tokens that it adds."""
    expected = continuations(limit)
    count = min(12, len(expected))
    samples = words.beam(PROMPT, 200, length=limit, count=count)
    by_joint = sorted(joint for joint, *_ in expected)[::-1][:count]
    known = {(round(own, 3), text, tokens): joint for joint, own, text, tokens in expected}
    joints = [known[round(each.logprob, 3), each.text, each.tokens] for each in samples]
    assert joints == pytest.approx(by_joint, abs=1e-4)
    assert {each.taken_back for each in samples} == {"a"}


def test_a_stop_text_of_a_beam_is_not_sought_in_the_prompt(words: charlm.LanguageModel) -> None:
    (best,) = words.beam(PROMPT, 50, length=6, stop="ab")
    assert best.text == "b" and best.stopped == "eos"
    stopped = [each for each in words.beam(PROMPT, 50, length=6, count=20, stop="ab") if each.stopped == "stop"]
    assert stopped and all("ab" not in each.text for each in stopped)


def test_a_beam_of_one_is_greedy(words: charlm.LanguageModel) -> None:
    for kind in ("word", "unigram", "bpe"):
        model = untrained(TOKENIZERS[kind])
        (greedy,), (narrow,) = model.sample("cat ca", temperature=0, length=6), model.beam("cat ca", 1, length=6)
        assert (narrow.text, narrow.tokens) == (greedy.text, greedy.tokens)
        assert narrow.logprob == pytest.approx(greedy.logprob, abs=1e-4)


def test_what_may_follow_is_every_text_that_the_prompt_can_go_on_with(words: charlm.LanguageModel) -> None:
    """ab adds b, with 4/5; 1/5 is shared by what follows a."""
    following = words.next_token_probabilities(PROMPT)
    assert sum(each.probability for each in following) == pytest.approx(1, abs=1e-6)
    likely = [(each.text, each.probability) for each in following[:4]]
    assert likely[:2] == [("b", pytest.approx(4 / 5)), (" ", pytest.approx(1 / 10))]
    assert {text: pytest.approx(p) for text, p in likely[2:]} == {"b": 1 / 20, None: 1 / 20}
    narrowed = words.next_token_probabilities(PROMPT, top_p=0.5)
    assert narrowed[0][1:] == ("b", pytest.approx(1.0)) and narrowed[1].probability == 0


def test_an_editor_goes_on_inside_a_word(words: charlm.LanguageModel) -> None:
    editor = Editor(words, "ab ", 1.0, 1.0)
    assert editor.press("a") and re.search(r"'b' +80\.0%", editor.page(80).plain)
    assert editor.press("\t") and editor.text == "ab ab"
    model = untrained(TOKENIZERS["bpe"])
    editor = Editor(model, "c", 1.0, 1.0)
    for _ in range(4):
        expected = editor.text + (editor._following[0].text or "")
        assert editor.press("\t")
        assert editor.text == expected or "<0x" in expected


def test_the_command_says_what_was_drawn_again(
    words: charlm.LanguageModel,
    run: Callable[..., Outcome],
    line_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The prompt is printed as it was given."""
    monkeypatch.setattr("charlm.cli.sample.load_model", lambda folder, quiet: words)
    command = ["sample", "-m", line_folder, "--temperature=0", "--prompt", PROMPT]
    done = run(*command)
    assert done.out == "ab ab\n"
    assert "the prompt may end inside a token: its end 'a' was drawn again, as the beginning of a token" in done.err
    assert json.loads(run(*command, "--json").out)["taken_back"] == "a"
    other = run("sample", "-m", line_folder, "--temperature=0", "--prompt", "ab", "--json")
    assert "taken_back" not in json.loads(other.out) and "inside a token" not in other.err
    assert run(*command, "--quiet").err == ""
    searched = run("sample", "-m", line_folder, "--beam=3", "--prompt", PROMPT, "--scores")
    assert searched.out.startswith("ab ab\n") and "was drawn again" in searched.err


def test_an_unknown_beginning_of_a_word_is_not_reported(
    run: Callable[..., Outcome], line_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bigrams = {name: {"ab": 1 / 4, " ": 1 / 2, "": 1 / 4} for name in ("", "ab", " ")}
    model = of_bigrams(bigrams, WordTokenizer(["ab", " "], closed=True))
    monkeypatch.setattr("charlm.cli.sample.load_model", lambda folder, quiet: model)
    done = run("sample", "-m", line_folder, "--prompt=a", "--unknown=unk", "--length=1", "--seed=1")
    assert done.out == "ab\n" and "unknown" not in done.err
    assert "1 unknown" in run("sample", "-m", line_folder, "--prompt=x a", "--unknown=unk", "--length=1").err


def test_a_token_of_bytes_is_read_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A letter without a piece is spelled in bytes; with its last byte no piece begins."""
    model = untrained(TOKENIZERS["bpe"])
    opened = opening(model, "cat ü")
    assert opened.rest == "" and opened.first_tokens is None
    assert torch.equal(opened.logits, opening(model, "cat ü").logits)
