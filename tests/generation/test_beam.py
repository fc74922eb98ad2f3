"""Beam search: with room for everything it finds the maximum, and with less it says what it found."""

import math
from itertools import pairwise

import pytest
import torch
from conftest import BIGRAMS

import charlm

ROUNDING = 1e-4  # nats, between two ways to compute one log-probability

Table = dict[str, dict[str, float]]


def every_text(table: Table, prompt: str, limit: int) -> dict[str, float]:
    """log P of every continuation of a bigram model, closed by <EOS> ("$") or `limit` symbols long."""
    found, open_ = {}, {"": 0.0}
    for _ in range(limit):
        longer = {}
        for text, logprob in open_.items():
            row = table[(prompt + text)[-1:]]
            found[text + "$"] = logprob + math.log(row[""])
            longer |= {text + symbol: logprob + math.log(row[symbol]) for symbol in "ab"}
        open_ = longer
    return {**found, **open_}


def shuffled(model: charlm.LanguageModel, seed: int) -> Table:
    """Give the bigram model other probabilities; 0 leaves those of BIGRAMS."""
    if not seed:
        return BIGRAMS
    weights = 2 * torch.randn(3, 3, generator=torch.Generator().manual_seed(seed))  # <EOS>, a, b after start, a, b
    model.network.readout.weight.data[2:, [1, 3, 4]] = weights
    columns = torch.softmax(weights, dim=0).t().tolist()
    return {
        before: dict(zip(["", "a", "b"], column, strict=True)) for before, column in zip(BIGRAMS, columns, strict=True)
    }


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("prompt", ["", "ab"])
@pytest.mark.parametrize("limit", [1, 2, 6])
def test_a_beam_of_full_width_finds_the_exact_maxima(
    bigram_model: charlm.LanguageModel, prompt: str, limit: int, seed: int
) -> None:
    """The one, the three and the sixty likeliest of all texts, whether they end early or late."""
    every = every_text(shuffled(bigram_model, seed), prompt, limit)
    expected = sorted(every.values(), reverse=True)
    for count in {1, min(3, 2**limit), min(60, 2**limit)}:
        found = bigram_model.beam(prompt, 2**limit, length=limit, count=count)
        assert [each.logprob for each in found] == pytest.approx(expected[:count], abs=1e-4)
        texts = [each.text + "$" * (each.stopped == "eos") for each in found]
        assert len(set(texts)) == len(texts)
        for each, text in zip(found, texts, strict=True):
            assert each.logprob == pytest.approx(every[text], abs=1e-4)
            assert (each.tokens, each.seed) == (len(text), None)


def test_a_beam_finds_what_greed_misses(bigram_model: charlm.LanguageModel) -> None:
    """Greedily ab$ with 1/8; but $ alone has 1/4."""
    (found,) = bigram_model.beam("", 2)
    assert (found.text, found.stopped, found.tokens) == ("", "eos", 1)
    assert found.logprob == pytest.approx(math.log(1 / 4))
    assert bigram_model.sample(temperature=0)[0].text == "ab"


def test_a_beam_of_one_is_greedy_and_a_wide_one_is_no_worse(stream_model: charlm.LanguageModel) -> None:
    (greedy,) = stream_model.sample("the ", temperature=0, length=20)
    (narrow,) = stream_model.beam("the ", 1, length=20)
    assert narrow.text == greedy.text
    wide = stream_model.beam("the ", 30, length=20, count=30)
    # A batch of another size rounds differently, so log-probabilities agree to a tolerance only.
    assert wide[0].logprob >= narrow.logprob - ROUNDING
    assert [each.index for each in wide] == list(range(30))
    assert all(one.logprob >= other.logprob - ROUNDING for one, other in pairwise(wide))


def test_the_log_probability_is_that_of_score(line_model: charlm.LanguageModel) -> None:
    for found in line_model.beam("the ", 5, count=5):
        whole = line_model.score("the " + found.text, eos=found.stopped == "eos").logprob
        assert found.logprob == pytest.approx(whole - line_model.score("the ", eos=False).logprob, abs=1e-3)


@pytest.mark.parametrize("settings", [{"width": 0}, {"length": 0}, {"count": 4}, {"count": 0}], ids=str)
def test_settings_out_of_range_are_refused(line_model: charlm.LanguageModel, settings: dict[str, int]) -> None:
    with pytest.raises(charlm.ConfigError, match="must be at least 1"):
        line_model.beam("the ", **{"width": 3, **settings})


@pytest.mark.parametrize("stop", ["b", "ab", "bba"])
def test_a_stop_text_closes_a_beginning_too(bigram_model: charlm.LanguageModel, stop: str) -> None:
    """The likeliest of all texts, of which some end with the first "ab", say, and are shown without it."""
    every = {text: logprob for text, logprob in every_text(BIGRAMS, "", 5).items() if stop not in text}
    for length in range(1, 6):
        texts = every_text(BIGRAMS, "", length).items()
        every |= {text: logprob for text, logprob in texts if text.partition(stop)[1:] == (stop, "")}
    count = min(20, len(every))
    found = bigram_model.beam("", 64, length=5, count=count, stop=stop)
    assert [each.logprob for each in found] == pytest.approx(sorted(every.values(), reverse=True)[:count], abs=1e-4)
    assert "stop" in {each.stopped for each in found}
    for each in found:
        closed = each.text + {"stop": stop, "eos": "$", "length": ""}[each.stopped]
        assert each.logprob == pytest.approx(every[closed], abs=1e-4)
        assert (each.tokens, stop in each.text) == (len(closed), False)
