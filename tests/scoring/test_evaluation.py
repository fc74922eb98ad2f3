"""Evaluation: by hand, against slow loops over the network, and each protocol's promises."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Literal

import pytest
import torch
from conftest import LINES, QUICK, SMALL, STREAM
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import charlm
from charlm.scoring import lines
from charlm.tokenizers import Tokenizer
from charlm.tokenizers.char import CharTokenizer

WORDS = sorted(set(STREAM.split(" ")))


def long_text(characters: int) -> str:
    """Words of the stream in random order, so that no two pieces are alike."""
    draw = random.Random(0)
    return " ".join(draw.choice(WORDS) for _ in range(characters // 3))[:characters]


def slow_nats(model: charlm.LanguageModel, read: Sequence[int], counted: int) -> float:
    """Minus the log-probability of the last `counted` symbols, from a zero state, one symbol at a time."""
    state, nats = None, []
    with torch.inference_mode():
        for now, following in pairwise(read):
            logits, state = model.network(torch.tensor([[now]]), state)
            nats.append(-float(torch.log_softmax(logits[0, 0].double(), dim=0)[following]))
    return math.fsum(nats[len(nats) - counted :])


@pytest.fixture
def forgetless(bigram_model: charlm.LanguageModel) -> charlm.LanguageModel:
    """A stream of a and b whose cell adds up all it ever read: nothing before a symbol is without effect on it."""
    bigram_model.network.cells[0].weight_hh.data = torch.eye(5)
    bigram_model.network.readout.weight.data *= 0.02
    return replace(bigram_model, config=replace(bigram_model.config, sequence="stream"))


def some_letters(count: int) -> str:
    draw = random.Random(1)
    return "".join(draw.choice("aab") for _ in range(count))


def test_lines_worked_by_hand(bigram_model: charlm.LanguageModel) -> None:
    """P("ab\\n") = 1/2 · 1/2 · 1/2, P("b\\r\\n") = 1/4 · 1/2, P("\\n") = 1/4: 8 bits for 6 tokens.

    A line end is one token, one character and one byte, be it \\n or \\r\\n.
    """
    result = bigram_model.evaluate("ab\nb\r\n\n")
    assert (result.tokens, result.characters, result.bytes) == (6, 6, 6)
    assert result.nats_per_token == pytest.approx(8 * math.log(2) / 6)
    assert result.bits_per_char == result.bits_per_byte == pytest.approx(8 / 6)
    assert result.perplexity == pytest.approx(2 ** (8 / 6))
    assert (result.streams, result.window, result.unknown) == (None, None, 0)


def test_bytes_are_those_of_the_text(bigram_model: charlm.LanguageModel) -> None:
    """Use the same probabilities with € for b: "a€\\n" is 3 bits, 3 characters and 1 + 3 + 1 = 5 bytes."""
    model = replace(bigram_model, tokenizer=CharTokenizer("a€"))
    result = model.evaluate("a€\n")
    assert (result.characters, result.bytes) == (3, 5)
    assert (result.bits_per_char, result.bits_per_byte) == (pytest.approx(1), pytest.approx(3 / 5))


def test_lines_are_measured_as_they_are_scored(line_model: charlm.LanguageModel) -> None:
    text = LINES[:400]
    result, scores = line_model.evaluate(text), line_model.score_many(charlm.lines(text))
    assert result.tokens == sum(len(score.tokens) for score in scores)
    assert result.nats == pytest.approx(-sum(score.logprob for score in scores))


def test_a_short_stream_is_measured_as_it_is_scored(stream_model: charlm.LanguageModel) -> None:
    text = STREAM[:1000]
    result = stream_model.evaluate(text)
    assert (result.streams, result.tokens, result.characters) == (1, 1000, 1000)
    assert result.nats == pytest.approx(-stream_model.score(text).logprob)


@pytest.mark.parametrize(("characters", "pieces"), [(8191, 1), (8192, 2), (14_000, 3)])
def test_a_stream_is_read_in_pieces_that_change_little(
    stream_model: charlm.LanguageModel, characters: int, pieces: int
) -> None:
    """K = max(1, n // 4096) of them, and less than 1e-3 nats a token from reading the text as one."""
    text = long_text(characters)
    result, one = stream_model.evaluate(text), stream_model.evaluate(text, streams=1)
    assert (result.streams, result.tokens, result.characters) == (pieces, characters, characters)
    assert (one.streams, one.tokens, one.characters) == (1, characters, characters)
    assert abs(result.nats_per_token - one.nats_per_token) < 1e-3


def test_a_long_stream_is_read_in_64_pieces(forgetless: charlm.LanguageModel) -> None:
    count = 66 * 4096
    result = forgetless.evaluate("a" * (count - 1))
    assert (result.streams, result.tokens) == (64, count)


@pytest.mark.parametrize(("count", "streams"), [(1000, 3), (700, 5), (10, 10)])
def test_each_piece_is_read_after_the_tokens_before_it(
    forgetless: charlm.LanguageModel, count: int, streams: int
) -> None:
    """Equal pieces of the n targets (and <EOS>, which this model can predict), each cold but for the 256 before it."""
    text = some_letters(count - 1)
    ids = [Tokenizer.START, *forgetless.tokenizer.encode(text).tolist(), Tokenizer.EOS]
    cuts = [count * k // streams for k in range(streams + 1)]
    assert max(b - a for a, b in pairwise(cuts)) <= math.ceil(count / streams)
    expected = sum(
        slow_nats(forgetless, ids[max(0, start - 256) : end + 1], end - start) for start, end in pairwise(cuts)
    )
    result = forgetless.evaluate(text, streams=streams)
    assert result.tokens == count
    assert result.nats == pytest.approx(expected, rel=1e-5)
    assert result.nats != pytest.approx(forgetless.evaluate(text, streams=1).nats, rel=1e-5) or count < 256


@pytest.mark.parametrize("window", [1, 7, 64, 299, 300])
def test_windows_start_cold_after_the_token_before_them(forgetless: charlm.LanguageModel, window: int) -> None:
    """The last partial window is left out, of the tokens as of the characters."""
    text = some_letters(299)
    ids = [Tokenizer.START, *forgetless.tokenizer.encode(text).tolist(), Tokenizer.EOS]
    full = 300 // window
    expected = sum(slow_nats(forgetless, ids[k * window : (k + 1) * window + 1], window) for k in range(full))
    result = forgetless.evaluate(text, window=window)
    assert result.nats == pytest.approx(expected, rel=1e-5)
    assert (result.window, result.streams, result.tokens) == (window, None, full * window)
    assert result.characters == min(full * window, 299)  # the end of a stream is no character


def test_unknown_characters_leave_the_bits_of_the_known(stream_model: charlm.LanguageModel) -> None:
    text = "the wörd was"
    result, scored = stream_model.evaluate(text), stream_model.score(text)
    assert (result.unknown, result.tokens, result.characters, result.bytes) == (1, 12, 12, 13)
    assert result.bits_per_char is None and result.bits_per_byte is None
    assert result.bits_per_char_known == pytest.approx(scored.bits_per_char_known)
    known = sum(value for value in scored.logprobs if value > -math.inf)
    assert result.bits_per_char_known == pytest.approx(-known / math.log(2) / 11)


def test_unknown_characters_may_be_left_out_or_refused(stream_model: charlm.LanguageModel) -> None:
    result = stream_model.evaluate("the wörd", unknown="skip")
    assert (result.unknown, result.tokens, result.characters) == (1, 7, 8)
    assert result.nats == pytest.approx(-stream_model.score("the wrd").logprob)
    with pytest.raises(charlm.UnknownCharacterError, match=r"U\+00F6.* character 6"):
        stream_model.evaluate("the wörd", unknown="error")


def test_an_empty_text_has_no_figures_in_a_stream_and_an_end_in_lines(
    stream_model: charlm.LanguageModel, bigram_model: charlm.LanguageModel
) -> None:
    result = stream_model.evaluate("")
    assert (result.tokens, result.nats_per_token, result.bits_per_char, result.perplexity) == (0, None, None, None)
    result = bigram_model.evaluate("")
    assert (result.tokens, result.characters, result.bits_per_char) == (1, 1, pytest.approx(2))


@pytest.mark.parametrize("settings", [{"window": 0}, {"streams": 0}, {"streams": 13}])
def test_a_protocol_that_cannot_be_is_refused(stream_model: charlm.LanguageModel, settings: dict[str, int]) -> None:
    with pytest.raises(charlm.ConfigError):
        stream_model.evaluate("the word was", **settings)


def test_a_text_shorter_than_a_window_is_refused(stream_model: charlm.LanguageModel) -> None:
    with pytest.raises(charlm.CorpusError, match=r"12 tokens.*window of 13"):
        stream_model.evaluate("the word was", window=13)


@pytest.mark.parametrize("settings", [{"window": 4}, {"streams": 2}])
def test_lines_are_not_cut(line_model: charlm.LanguageModel, settings: dict[str, int]) -> None:
    with pytest.raises(charlm.ConfigError, match="line model"):
        line_model.evaluate(LINES, **settings)


# lines


@pytest.fixture(scope="module")
def closed_model() -> charlm.LanguageModel:
    """Train a word model that reads an unknown word as UNK."""
    return charlm.train(LINES, replace(SMALL, tokenizer="word", closed=True), QUICK)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    documents=st.lists(st.lists(st.text("the catönq ", max_size=12), min_size=1, max_size=6), min_size=1, max_size=4),
    unknown=st.sampled_from(["unk", "skip"]),
    kind=st.sampled_from(["char", "word"]),
    at_once=st.integers(1, 5),
)
def test_lines_together_are_the_lines_one_by_one(
    line_model: charlm.LanguageModel,
    closed_model: charlm.LanguageModel,
    monkeypatch: pytest.MonkeyPatch,
    documents: list[list[str]],
    unknown: Literal["unk", "skip"],
    kind: str,
    at_once: int,
) -> None:
    """However many are read at once, of whatever document, with what has no symbol or without."""
    model = {"char": line_model, "word": closed_model}[kind]
    ids_of = model.tokenizer.encode
    monkeypatch.setattr(lines, "MAX_LINES", at_once)
    result = model.evaluate_many(["".join(f"{line}\n" for line in document) for document in documents], unknown=unknown)
    for evaluation, document in zip(result, documents, strict=True):
        scores = model.score_many(document, unknown=unknown)
        assert evaluation.nats == pytest.approx(-sum(score.logprob for score in scores), rel=1e-5)
        assert evaluation.tokens == sum(len(score.tokens) for score in scores)
        assert evaluation.characters == sum(len(line) + 1 for line in document)
        assert evaluation.bytes == sum(len(line.encode()) + 1 for line in document)
        encoded = [
            (ids, model.tokenizer.lengths(line, ids)) for line, ids in zip(document, map(ids_of, document), strict=True)
        ]
        strange = sum(int(lengths[ids == Tokenizer.UNK].sum()) for ids, lengths in encoded)
        assert evaluation.unknown == strange == evaluation.characters - evaluation.known_characters
        assert evaluation.known_tokens == sum(int((ids != Tokenizer.UNK).sum()) + 1 for ids, _ in encoded)
