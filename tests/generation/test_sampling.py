"""Drawing: the right frequencies, the right stops, and the same draw whatever is drawn beside it."""

import inspect
import itertools
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import BIGRAMS

import charlm
from charlm.cli.sample import sample as sample_command
from charlm.generation import generate as generation
from charlm.generation import samples
from charlm.generation.drawing import draw
from charlm.generation.ending import Ending
from charlm.generation.generate import Piece, Sample
from charlm.generation.opening import open_prompt
from charlm.generation.samplers import Sampler
from charlm.randomness import uniform
from charlm.registry import declarations, name_of
from charlm.tokenizers import Tokenizer


def chi_square_limit(freedom: int) -> float:
    """Exceeded once in a thousand times (Wilson and Hilferty 1931: its cube root is nearly normal)."""
    spread = 2 / (9 * freedom)
    return freedom * (1 - spread + 3.09 * math.sqrt(spread)) ** 3


def outcomes(text: str, limit: int) -> dict[str, float]:
    """P of every text of the bigram model up to `limit` tokens, ended by <EOS> ("$") or cut at the limit."""
    if limit == 0:
        return {"": 1.0}
    found = {"$": BIGRAMS[text[-1:]][""]}
    for symbol in "ab":
        for rest, probability in outcomes(text + symbol, limit - 1).items():
            found[symbol + rest] = BIGRAMS[text[-1:]][symbol] * probability
    return found


@pytest.mark.parametrize("prompt", ["", "ab"])
def test_frequencies_are_the_probabilities(bigram_model: charlm.LanguageModel, prompt: str) -> None:
    """4,000 samples of up to 3 tokens against the exact probabilities of all 15 outcomes."""
    expected = outcomes(prompt, 3)
    assert sum(expected.values()) == 1 and len(expected) == 15
    counts = dict.fromkeys(expected, 0)
    for sample in bigram_model.sample(prompt, length=3, count=4000, seed=1):
        counts[sample.text + ("$" if sample.stopped == "eos" else "")] += 1
    statistic = sum((counts[text] - 4000 * p) ** 2 / (4000 * p) for text, p in expected.items())
    assert statistic < chi_square_limit(14)


def test_each_draw_is_where_the_cumulative_distribution_passes_its_own_random_number(
    bigram_model: charlm.LanguageModel,
) -> None:
    """The number is that of (seed, index, step). Tokens are in the order of their ids, a before b, without <EOS>."""
    bigram_model.network.allowed_tokens[Tokenizer.EOS] = False
    for sample in bigram_model.sample(count=3, length=200, seed=11):
        text = ""
        for step in range(200):
            row = BIGRAMS[text[-1:]]
            passed = uniform(11, sample.index, step)[0] < row["a"] / (row["a"] + row["b"])
            text += "a" if passed else "b"
        assert sample.text == text


def test_nothing_of_probability_zero_is_drawn(stream_model: charlm.LanguageModel) -> None:
    """Not where the random number is the least or the greatest, nor at a temperature that makes all else alike."""
    logits = torch.tensor([[-math.inf, 0.0, -math.inf, 1.0, -math.inf]])
    assert draw(logits, torch.tensor([0.0], dtype=torch.double)).tolist() == [1]
    assert draw(logits, torch.tensor([np.nextafter(1, 0)])).tolist() == [3]
    samples = stream_model.sample(count=20, length=50, seed=1, temperature=1000.0)
    assert all(len(stream_model.tokenizer.encode(each.text)) == 50 and "\ufffd" not in each.text for each in samples)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"temperature": 0.5}, [1 / 4, 1 / 16, 1 / 16]),
        ({"temperature": 2.0}, [1 / math.sqrt(2), 1 / 2, 1 / 2]),
        ({"top_p": 0.45}, [1, 0, 0]),
        ({"top_k": 1}, [1, 0, 0]),
        ({"top_k": 3}, [1 / 2, 1 / 4, 1 / 4]),
        ({"temperature": 0.0}, [1, 0, 0]),
        ({"min_p": 0.6}, [1, 0, 0]),
        ({"min_p": 0.4}, [1 / 2, 1 / 4, 1 / 4]),
        ({"mirostat": 0.75}, [1, 0, 0]),
    ],
    ids=str,
)
def test_settings_shape_the_first_draw(
    bigram_model: charlm.LanguageModel, settings: dict[str, float], expected: list[float]
) -> None:
    """P(a), P(b), P(<EOS>) at the start are 1/2, 1/4, 1/4: to the power 1/τ, or the likeliest alone."""
    samples = bigram_model.sample(length=1, count=3000, seed=2, **settings)
    counts = [sum(each.text == text for each in samples) for text in ("a", "b", "")]
    chances = [weight / sum(expected) for weight in expected]
    assert all(count == 0 for count, p in zip(counts, chances, strict=True) if p == 0)
    terms = [(count - 3000 * p) ** 2 / (3000 * p) for count, p in zip(counts, chances, strict=True) if p]
    assert sum(terms) < chi_square_limit(2)


def test_what_narrows_the_draw_is_applied_in_the_order_that_is_stated(
    line_model: charlm.LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of the table in docs/guide/sample.md and of the options in --help; must_match comes first."""
    applied: list[str] = []

    def spy(*arguments: object, **options: object) -> list[Piece]:
        applied.extend(f"--{name_of(sampler)}" for sampler in arguments[3])  # type: ignore[attr-defined]
        return []

    monkeypatch.setattr(samples, "generate", spy)
    every = {option.name: 1 for each in declarations("generation.samplers") for option in each.options}
    list(line_model.generate("the ", **dict(reversed(every.items()))))
    guide = (Path(__file__).parents[2] / "docs" / "guide" / "sample.md").read_text(encoding="utf-8")
    options = [f"--{name.replace('_', '-')}" for name in inspect.signature(sample_command).parameters]
    assert re.findall(r"^\| `(--[a-z-]+) ", guide, flags=re.MULTILINE) == ["--must-match", *applied]
    assert len(applied) == 8
    assert [option for option in options if option in ["--must-match", *applied]] == ["--must-match", *applied]


def test_a_sample_does_not_depend_on_how_many_are_drawn(model: charlm.LanguageModel) -> None:
    many = model.sample("the", count=9, length=30, seed=5)
    assert [sample.index for sample in many] == list(range(9))
    assert len({sample.text for sample in many}) == 9
    for count in (1, 2, 5):
        for one, other in zip(model.sample("the", count=count, length=30, seed=5), many, strict=False):
            assert (one.text, one.tokens, one.stopped) == (other.text, other.tokens, other.stopped)
            assert one.logprob == pytest.approx(other.logprob, abs=1e-4)


@pytest.mark.parametrize("together", [1, 3, 4])
def test_a_sample_does_not_depend_on_what_is_drawn_beside_it(
    model: charlm.LanguageModel, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"count": 8, "length": 25, "seed": 6, "top_k": 8, "temperature": 1.3}
    expected = [(sample.index, sample.text) for sample in model.sample("a", **settings)]
    monkeypatch.setattr(samples, "_MAX_PARALLEL_SAMPLES", together)
    assert [(sample.index, sample.text) for sample in model.sample("a", **settings)] == expected


def test_samples_beyond_those_asked_for_are_drawn_in_groups_that_grow() -> None:
    """So that a thousand that bring nothing new come in ten calls, not in five hundred."""
    assert list(generation.side_by_side(7, 3)) == [range(3), range(3, 6), range(6, 7)]
    growing = itertools.islice(generation.side_by_side(2, 9, endless=True), 5)
    assert list(growing) == [range(2), range(2, 6), range(6, 14), range(14, 23), range(23, 32)]


def test_a_sample_goes_on_as_it_would_alone_after_others_have_ended(
    bigram_model: charlm.LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    bigram_model.network.allowed_tokens[Tokenizer.EOS] = False
    settings = {"count": 20, "length": 300, "stop": "aaaba", "seed": 1}
    together = bigram_model.sample(**settings)
    tokens = [sample.tokens for sample in together]
    assert min(tokens) < 20 and max(tokens) > 150
    monkeypatch.setattr(samples, "_MAX_PARALLEL_SAMPLES", 1)
    assert [sample.text for sample in bigram_model.sample(**settings)] == [sample.text for sample in together]


def test_the_logprob_of_a_sample_is_what_its_text_adds_to_the_score(model: charlm.LanguageModel) -> None:
    """By the model as it is, whatever the temperature and the filters; <EOS> included where it was drawn."""
    for sample in model.sample("the", count=20, length=12, seed=7, temperature=0.7, top_k=9, top_p=0.95):
        ended = sample.stopped == "eos"
        assert sample.tokens == len(sample.text) + ended
        whole = model.score(sample.prompt + sample.text, eos=ended).logprob
        assert sample.logprob == pytest.approx(whole - model.score("the", eos=False).logprob, abs=1e-3)


def test_greedy_takes_the_likeliest_symbol_each_time(model: charlm.LanguageModel) -> None:
    text = ""
    while len(text) < 12 and (likeliest := model.next_token_probabilities(text)[0]).text is not None:
        text += likeliest.text
    for seed in (1, 2):
        assert model.sample(length=12, temperature=0, seed=seed)[0].text == text


def test_pieces_joined_are_the_text(model: charlm.LanguageModel) -> None:
    for stop in (None, " ", "th", "zz"):
        settings = {"length": 60, "seed": 8, "stop": stop}
        drawn = list(model.generate("a", count=5, **settings))
        for sample in model.sample("a", count=5, **settings):
            pieces = [each.text for each in drawn if isinstance(each, Piece) and each.index == sample.index]
            assert "".join(pieces) == sample.text
            assert all(pieces)
            assert sample in drawn
        assert "".join(model.stream("a", **settings)) == model.sample("a", **settings)[0].text


@pytest.mark.parametrize("stop", ["b", "ab", "aab", "abab", "bb", "aaaa"])
def test_a_stop_text_ends_a_sample_and_is_no_part_of_it(bigram_model: charlm.LanguageModel, stop: str) -> None:
    """Each sample is the one without a stop text, cut before its first occurrence; no piece shows any of it."""
    free = bigram_model.sample(count=200, length=20, seed=9)
    events = list(bigram_model.generate(count=200, length=20, seed=9, stop=stop))
    stopped = sorted((each for each in events if isinstance(each, Sample)), key=lambda sample: sample.index)
    shown = [""] * 200
    for each in events:
        if isinstance(each, Piece):
            shown[each.index] += each.text
    assert any(sample.stopped == "stop" for sample in stopped) and any(sample.stopped != "stop" for sample in stopped)
    for one, other in zip(stopped, free, strict=True):
        before, found, _ = other.text.partition(stop)
        assert one.text == before == shown[one.index]
        assert one.stopped == ("stop" if found else other.stopped)
        assert one.tokens == (len(before) + len(stop) if found else other.tokens)


def test_pieces_come_as_soon_as_they_are_certain(bigram_model: charlm.LanguageModel) -> None:
    """Greedily the model writes "ab" and ends, so "a" may be the beginning of "ac" until "b" has come."""
    assert [each.text for each in bigram_model.generate(temperature=0, stop="ac") if isinstance(each, Piece)] == ["ab"]
    assert [each.text for each in bigram_model.generate(temperature=0) if isinstance(each, Piece)] == ["a", "b"]


def test_a_sample_tells_why_it_stopped(bigram_model: charlm.LanguageModel) -> None:
    """Greedily: a, b, <EOS>, with probability 1/2 each."""
    (ended,) = bigram_model.sample(temperature=0, seed=4)
    assert ended == Sample("", "ab", 3, pytest.approx(math.log(1 / 8)), "eos", 4, 0)
    (cut,) = bigram_model.sample(temperature=0, length=2, seed=4)
    assert cut == Sample("", "ab", 2, pytest.approx(math.log(1 / 4)), "length", 4, 0)
    (stopped,) = bigram_model.sample("a", temperature=0, stop="b", seed=4)
    assert stopped == Sample("a", "", 1, pytest.approx(math.log(1 / 2)), "stop", 4, 0)


@pytest.mark.parametrize(("kind", "limit"), [("stream", 500), ("line", 1000)])
def test_without_a_length_the_kind_of_sequence_sets_the_limit(
    bigram_model: charlm.LanguageModel, kind: str, limit: int
) -> None:
    model = replace(bigram_model, config=replace(bigram_model.config, sequence=kind))
    model.network.allowed_tokens[Tokenizer.EOS] = False
    (sample,) = model.sample(seed=1)
    assert (sample.tokens, sample.stopped) == (limit, "length")


def test_a_seed_is_named_and_repeats_the_sample(line_model: charlm.LanguageModel) -> None:
    (sample,) = line_model.sample("a")
    assert line_model.sample("a", seed=sample.seed) == [sample]
    assert line_model.sample("a")[0].seed != sample.seed


def test_a_sampler_sees_the_history_and_keeps_its_own_state(bigram_model: charlm.LanguageModel) -> None:
    """Also while rows drop out, as they end: this one counts its calls, row by row."""
    seen: dict[tuple[int, ...], int] = {}

    class Counter(Sampler):
        def start(self, batch_size: int) -> torch.Tensor:
            return torch.zeros(batch_size, dtype=torch.long)

        def __call__(self, logits: torch.Tensor, history: torch.Tensor, state: torch.Tensor | None) -> object:
            assert state is not None and len(state) == len(history) == len(logits)
            assert (history.shape[1] - 2 == state).all()  # the prompt has two symbols
            seen.update({tuple(row): int(count) for row, count in zip(history.tolist(), state, strict=True)})
            return logits, state + 1

    network, tokenizer = bigram_model.network, bigram_model.tokenizer
    prompt = open_prompt(network, tokenizer, "ab", "error", allow_unk=False)
    events = generation.generate(network, tokenizer, prompt, [Counter()], indices=range(50), ending=Ending(6), seed=1)
    for sample in (each for each in events if isinstance(each, Sample)):
        ids = (3, 4, *bigram_model.tokenizer.encode(sample.text).tolist())
        ends = range(2, 2 + sample.tokens)
        assert all(seen[ids[:end]] == end - 2 for end in ends)


@pytest.mark.parametrize("settings", [{"length": 0}, {"count": 0}, {"seed": -1}, {"temperature": -1}, {"top_p": 0}])
def test_settings_out_of_range_are_refused_before_anything_is_drawn(
    line_model: charlm.LanguageModel, settings: dict[str, int]
) -> None:
    with pytest.raises(charlm.ConfigError, match=next(iter(settings))):
        line_model.generate(**settings)


def test_a_prompt_with_unknown_characters_is_refused_unless_told(line_model: charlm.LanguageModel) -> None:
    with pytest.raises(charlm.UnknownCharacterError, match=r"'€' \(U\+20AC\), character 5"):
        line_model.generate("the €")
    (skipped,) = line_model.sample("the €", seed=1, length=5, unknown="skip")
    assert skipped.text == line_model.sample("the ", seed=1, length=5)[0].text
    (read,) = line_model.sample("the €", seed=1, length=5, unknown="unk")
    assert read.prompt == "the €"


def test_a_prompt_for_a_line_has_no_newline(line_model: charlm.LanguageModel) -> None:
    with pytest.raises(charlm.ConfigError, match="newline"):
        line_model.generate("the\ncat")


def test_a_setting_that_no_sampler_has_is_refused_with_the_nearest_name(line_model: charlm.LanguageModel) -> None:
    for method in (line_model.generate, line_model.sample, line_model.stream):
        with pytest.raises(TypeError, match=r"unexpected keyword argument 'temprature'; did you mean 'temperature'\?"):
            method("the", temprature=0.5)


def test_the_former_name_of_generate_still_works(line_model: charlm.LanguageModel) -> None:
    with pytest.warns(DeprecationWarning, match="use generate"):
        former = list(line_model.draw("the ", seed=4, length=9))
    assert former == list(line_model.generate("the ", seed=4, length=9))
