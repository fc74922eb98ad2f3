"""Check the chain rule: `score` and `next_token_probabilities` agree, and batching does not change either."""

import itertools
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import QUICK, SMALL, STREAM

import charlm
from charlm.generation import opening as generation
from charlm.nn import probability
from charlm.nn.probability import fit_temperature, log_softmax
from charlm.tokenizers import Tokenizer

TEXT = "the cats and a dog ran"  # in the vocabulary of both models but for a letter or two
NEVER = {"line": {Tokenizer.UNK, Tokenizer.START}, "stream": {Tokenizer.UNK, Tokenizer.START, Tokenizer.EOS}}


@pytest.fixture
def text(model: charlm.LanguageModel) -> str:
    """A text without unknown characters."""
    return model.tokenizer.without_unknown(TEXT)


def step(model: charlm.LanguageModel, prompt: str, symbol: int) -> float:
    """Return log P(token | prompt), by `next_token_probabilities`."""
    return math.log(next(each.probability for each in model.next_token_probabilities(prompt) if each.id == symbol))


def test_probabilities_sum_to_one_at_every_step(model: charlm.LanguageModel, text: str) -> None:
    for end in range(len(text) + 1):
        found = model.next_token_probabilities(text[:end])
        assert sum(each.probability for each in found) == pytest.approx(1, abs=1e-6)
        assert sorted(each.id for each in found) == list(range(model.tokenizer.size))
        assert [each.probability for each in found] == sorted((each.probability for each in found), reverse=True)
        assert {each.id for each in found if each.probability == 0} == NEVER[model.config.sequence]


def test_a_score_is_the_product_of_its_steps(model: charlm.LanguageModel, text: str) -> None:
    score = model.score(text)
    symbols = [*model.tokenizer.encode(text), *([Tokenizer.EOS] if model.line else [])]
    assert len(score.logprobs) == len(symbols)
    for t, symbol in enumerate(symbols):
        assert score.logprobs[t] == pytest.approx(step(model, text[:t], symbol), abs=1e-5)
    assert score.logprob == pytest.approx(sum(score.logprobs))


def test_a_score_is_that_of_its_beginning_and_of_the_rest_after_it(model: charlm.LanguageModel, text: str) -> None:
    """score("ab") = score("a") + score("b" after "a"), without <EOS>."""
    whole = model.score(text, eos=False).logprob
    steps = [step(model, text[:t], symbol) for t, symbol in enumerate(model.tokenizer.encode(text))]
    for cut in range(len(text) + 1):
        beginning = model.score(text[:cut], eos=False).logprob
        assert whole == pytest.approx(beginning + sum(steps[cut:]), abs=1e-4)


def test_the_probabilities_of_all_texts_sum_to_one(model: charlm.LanguageModel) -> None:
    """Sum over all texts of two characters, whatever follows, and all shorter texts that end: no other text exists."""
    letters = [each.text for each in model.next_token_probabilities("") if each.text is not None]
    texts = ["".join(pair) for pair in itertools.product(letters, repeat=2)]
    total = sum(math.exp(score.logprob) for score in model.score_many(texts, eos=False))
    total += sum(math.exp(score.logprob) for score in model.score_many(["", *letters], eos=True))
    assert total == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("rows", "logits"), [(1, 4_000_000), (3, 1), (64, 1), (2, 5_000)])
def test_a_score_does_not_depend_on_batch_or_block(
    model: charlm.LanguageModel, text: str, rows: int, logits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [text[:length] for length in (5, 0, len(text), 1, 9, 9)] + [text * 20, "zz€", text[3:]]
    expected = [model.score(each, alternatives=2) for each in texts]
    limits = probability._ON_CPU._replace(rows_per_batch=rows, logits_per_chunk=logits)
    monkeypatch.setattr(probability, "_ON_CPU", limits)
    found = model.score_many(texts, alternatives=2)
    assert [score.text for score in found] == texts
    for one, other in zip(found, expected, strict=True):
        assert one.tokens == other.tokens
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)
        assert one.entropies == pytest.approx(other.entropies, abs=1e-5)
        assert one.alternatives is not None and len(one.alternatives) == len(one.tokens)


def test_a_prompt_is_read_whole_however_long(
    model: charlm.LanguageModel, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = text * 60  # more than one block
    assert len(prompt) > generation._BLOCK
    expected = model.score(prompt + "t", eos=False).logprobs[-1]
    symbol = int(model.tokenizer.encode("t")[0])
    assert step(model, prompt, symbol) == pytest.approx(expected, abs=1e-5)
    monkeypatch.setattr(generation, "_BLOCK", 7)
    assert step(model, prompt, symbol) == pytest.approx(expected, abs=1e-5)


def test_a_stream_of_one_file_cannot_end(stream_model: charlm.LanguageModel) -> None:
    score = stream_model.score("the", eos=True)
    assert score.logprobs[-1] == -math.inf == score.logprob
    assert score.perplexity == math.inf


def test_a_stream_of_several_files_can_end(tmp_path: Path) -> None:
    """Each file ends in <EOS>, so it is a target; the start token is never a target."""
    files = [tmp_path / name for name in ("a.txt", "b.txt")]
    for file in files:
        file.write_text(STREAM[:300])
    model = charlm.train(files, SMALL, replace(QUICK, steps=3))
    assert model.config.sequence == "stream"
    assert {each.id for each in model.next_token_probabilities("the") if not each.probability} == {
        Tokenizer.UNK,
        Tokenizer.START,
    }
    assert math.isfinite(model.score("the", eos=True).logprob)


def test_the_table_of_a_known_model_is_read_back(bigram_model: charlm.LanguageModel) -> None:
    assert [tuple(each) for each in bigram_model.next_token_probabilities("")] == [
        (3, "a", pytest.approx(0.5)),
        (2, None, pytest.approx(0.25)),
        (4, "b", pytest.approx(0.25)),
        (0, None, 0),
        (1, None, 0),
    ]
    assert bigram_model.next_token_probabilities("ab")[0].text is None  # after b the end is likeliest


def test_the_fitted_temperature_gives_the_share_of_right_answers() -> None:
    """Three of four answers are right, and each has the logit 3: P = 3/4 at 3 / T = ln 3."""
    logits, answers = torch.tensor([[3.0, 0.0]]).expand(400_000, 2), torch.tensor([0, 0, 0, 1]).repeat(100_000)
    temperature = fit_temperature(logits, answers)
    assert temperature == pytest.approx(3 / math.log(3), rel=1e-5)
    torch.testing.assert_close(log_softmax(logits, temperature).exp()[0], torch.tensor([0.75, 0.25]))
    assert torch.equal(log_softmax(logits), torch.log_softmax(logits, dim=-1))


def test_a_few_right_answers_do_not_make_a_model_certain() -> None:
    """A quarter of each of two answers is spread over both labels: P = 7/8 at 3 / T = ln 7."""
    temperature = fit_temperature(torch.tensor([[3.0, 0.0]]).expand(2, 2), torch.tensor([0, 0]))
    assert temperature == pytest.approx(3 / math.log(7), rel=1e-6)


def test_the_fitted_temperature_has_bounds() -> None:
    logits = torch.tensor([[2e-3, 0.0], [1e-3, 0.0]])
    assert fit_temperature(logits, torch.tensor([0, 0])) == pytest.approx(0.01)
    assert fit_temperature(logits, torch.tensor([1, 1])) == pytest.approx(100)
