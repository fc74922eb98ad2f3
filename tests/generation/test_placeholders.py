"""<UNK>, which stands for text outside the vocabulary, is left out of samples unless it is asked for."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Outcome, of_bigrams

import charlm
from charlm.cli.interactive import Editor
from charlm.generation import drawing
from charlm.generation.compiled import CompiledDraws
from charlm.generation.drawing import TorchDraws
from charlm.generation.samplers import chain
from charlm.generation.without import Without
from charlm.nn.native.library import library
from charlm.nn.network import Network
from charlm.tokenizers import Tokenizer
from charlm.tokenizers.char import CharTokenizer

MARK = "\ufffd"
UNKNOWN = {
    "": {"a": 1 / 4, "?": 1 / 2, "": 1 / 4},
    "a": {"a": 1 / 2, "?": 1 / 8, "": 3 / 8},
    "?": {"a": 1 / 2, "": 1 / 2},
}  # P(next | symbol), where "?" is outside the vocabulary: <UNK>


@pytest.fixture(scope="module")
def model() -> charlm.LanguageModel:
    found = of_bigrams(UNKNOWN, CharTokenizer("a"))
    found.network.allowed_tokens[Tokenizer.UNK] = True
    return found


def share(sample: Any) -> float:
    """The mean of P(<UNK>) before each token of a sample."""
    text = ["", *sample.text][: sample.tokens]
    return sum(1 / 2 if before == "" else 1 / 8 for before in text) / sample.tokens


def test_a_sample_has_no_placeholder_and_says_its_share(model: charlm.LanguageModel) -> None:
    """At the start a and the end have 1/4 each, and share what <UNK> leaves; log P stays that of `score`."""
    samples = model.sample(count=2000, length=6, seed=1)
    assert not any(MARK in each.text for each in samples)
    assert abs(sum(each.text == "" for each in samples) - 1000) < 150
    for sample in samples[:50]:
        assert sample.unk_share == pytest.approx(share(sample), abs=1e-6)
        scored = model.score(sample.text, eos=sample.stopped == "eos")
        assert scored.logprob == pytest.approx(sample.logprob, abs=1e-5)


def test_it_is_drawn_if_it_is_asked_for(model: charlm.LanguageModel) -> None:
    samples = model.sample(count=2000, length=1, seed=1, allow_unk=True)
    assert abs(sum(each.text == MARK for each in samples) - 1000) < 150
    assert {each.unk_share for each in samples} == {None}
    assert model.sample(temperature=0, seed=1, allow_unk=True)[0].text.startswith(MARK)
    (best,) = model.beam("", 20, length=1, allow_unk=True)
    assert (best.text, best.logprob, best.unk_share) == (MARK, pytest.approx(math.log(1 / 2)), None)


@pytest.mark.parametrize("settings", [{"temperature": 0}, {"top_k": 1}, {"mirostat": 1.0}, {"typical": 0.5}], ids=str)
def test_no_filter_brings_it_back(model: charlm.LanguageModel, settings: dict[str, float]) -> None:
    for sample in model.sample(count=20, length=8, seed=2, **settings):
        assert MARK not in sample.text and sample.unk_share == pytest.approx(share(sample), abs=1e-6)


def test_different_samples_and_patterns_leave_it_out(model: charlm.LanguageModel) -> None:
    assert {each.text for each in model.sample(count=4, unique=True, seed=1)} == {"", "a", "aa", "aaa"}
    for sample in model.sample(must_match="a{2,}", count=9, length=5, seed=1):
        assert set(sample.text) == {"a"} and sample.unk_share == pytest.approx(share(sample), abs=1e-6)
    with pytest.raises(charlm.ConfigError, match="leave allow_unk out"):
        model.sample(must_match="a", allow_unk=True)


def test_a_beam_leaves_it_out(model: charlm.LanguageModel) -> None:
    """The end has 1/4, a and the end 1/4 · 3/8, then each a more 1/2."""
    samples = model.beam("", 50, length=20, count=4)
    assert [each.text for each in samples] == ["", "a", "aa", "aaa"]
    for number, sample in enumerate(samples):
        probability = 1 / 4 if not number else 1 / 4 * (1 / 2) ** (number - 1) * 3 / 8
        assert sample.logprob == pytest.approx(math.log(probability), abs=1e-5)
        assert sample.unk_share == pytest.approx(share(sample), abs=1e-6)


def test_a_model_that_cannot_predict_it_has_no_share(
    bigram_model: charlm.LanguageModel, stream_model: charlm.LanguageModel
) -> None:
    for each in (bigram_model, stream_model):
        plain = each.sample(count=3, length=20, seed=4)
        assert plain == each.sample(count=3, length=20, seed=4, allow_unk=True)
        assert {sample.unk_share for sample in plain} == {None}


def test_a_model_that_can_predict_nothing_else_draws_it() -> None:
    only = of_bigrams({"": {"?": 1.0}, "?": {"?": 1.0}}, CharTokenizer(""))
    only.network.allowed_tokens[:] = False
    only.network.allowed_tokens[Tokenizer.UNK] = True
    (sample,) = only.sample(length=3)
    assert (sample.text, sample.unk_share) == (MARK * 3, None)


def test_what_may_follow_has_it_unless_it_is_left_out(model: charlm.LanguageModel) -> None:
    following = model.next_token_probabilities("a")
    assert {each.id: pytest.approx(each.probability) for each in following if each.probability} == {
        **{3: 1 / 2, Tokenizer.EOS: 3 / 8, Tokenizer.UNK: 1 / 8}
    }
    without = model.next_token_probabilities("a", allow_unk=False)
    assert {each.id: pytest.approx(each.probability) for each in without if each.probability} == {
        **{3: 4 / 7, Tokenizer.EOS: 3 / 7}
    }


def test_an_editor_does_not_offer_it(model: charlm.LanguageModel) -> None:
    editor = Editor(model, "a", 1.0, 1.0)
    page = editor.page(80).plain
    assert "'a'   57.1%" in page and "'<UNK>'" not in page and "<UNK> left out: 12.5%" in page
    assert editor.press("\t") and editor.text == "aa"
    asked = Editor(model, "", 1.0, 1.0, allow_unk=True)
    assert "'<UNK>'   50.0%" in asked.page(80).plain and "left out" not in asked.page(80).plain
    assert asked.press("\t") and asked.text == MARK


def test_the_command_says_the_share(
    model: charlm.LanguageModel, run: Callable[..., Outcome], line_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The share of all samples is the mean over their tokens."""
    monkeypatch.setattr("charlm.cli.sample.load_model", lambda folder, quiet: model)
    command = ["sample", "-m", line_folder, "--seed=1", "--count=20"]
    done = run(*command, "--json")
    values = [json.loads(line) for line in done.out.splitlines()]
    tokens = sum(each["tokens"] for each in values)
    mean = sum(each["unk_share"] * each["tokens"] for each in values) / tokens
    said = f"<UNK> was left out of the draw: it had {mean:.2%} of the probability on average; --allow-unk draws it too"
    assert said in done.err and MARK not in done.out
    asked = run(*command, "--json", "--allow-unk")
    assert MARK in asked.out and "unk_share" not in asked.out and "left out" not in asked.err
    searched = run("sample", "-m", line_folder, "--beam=4", "--count=2")
    assert searched.out == "\na\n" and "left out of the draw: it had" in searched.err
    assert MARK in run("sample", "-m", line_folder, "--beam=4", "--length=1", "--allow-unk").out
    refused = run("sample", "-m", line_folder, "--must-match=a", "--allow-unk")
    assert (refused.code, refused.out) == (2, "") and "leave" in refused.err


@pytest.mark.parametrize("tokens", [15, 16, 17])  # the readout of the compiled loops has 16 rows, or a multiple
@pytest.mark.skipif(library() is None, reason="no C compiler where charlm was installed")
def test_the_compiled_draw_is_that_of_torch(tokens: int) -> None:
    """Compare tokens and the logits that they were drawn from, which are the network's, after rows have left too."""
    torch.manual_seed(tokens)
    network = Network(charlm.ModelConfig(embedding_size=4, hidden_size=16, layers=2, dropout=0.0), tokens).eval()
    torch.nn.init.normal_(network.readout.bias)
    network.readout.bias.data[0] += 2
    samplers = [Without(0), *chain({"temperature": 0.9, "top_k": 7, "top_p": 0.95})]
    with torch.inference_mode():
        logits, state = network(torch.ones(1, 12, dtype=torch.long))
        rows = 12
        plain = TorchDraws(network, samplers, logits[0], state, torch.empty(rows, 0, dtype=torch.long), end=-1)
        fast = CompiledDraws(network, samplers, logits[0], state, end=-1)
        for steps in (1, 5, 3):
            chances = torch.rand(steps, rows, dtype=torch.double)
            (drawn, own), (expected, reference) = fast(chances), plain(chances)
            assert torch.equal(drawn, expected) and not (drawn == 0).any()
            torch.testing.assert_close(own, reference, rtol=1e-5, atol=2e-5)
            if rows == 12:
                rows = 3
                plain.keep(torch.tensor([7, 0, 9]))
                fast.keep(torch.tensor([7, 0, 9]))


def test_a_trained_model_draws_the_same_with_and_without_the_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "".join(f"the {word}{chr(0x4E00 + number)}\n" for number in range(60) for word in ("cat", "dog"))
    config = charlm.ModelConfig(hidden_size=16, layers=1, embedding_size=8, min_count=3)
    trained = charlm.train(lines, config, charlm.TrainConfig(steps=30, batch_size=8, seq_len=16, threads=1))
    samples = trained.sample(count=20, length=12, seed=1)
    assert all(MARK not in each.text and each.unk_share for each in samples)
    monkeypatch.setattr(drawing, "fits", lambda network, samplers: False)
    for one, other in zip(trained.sample(count=20, length=12, seed=1), samples, strict=True):
        assert (one.text, one.tokens) == (other.text, other.tokens)
        assert one.unk_share == pytest.approx(other.unk_share, abs=1e-5)
