"""With counts beside the network, every way to a probability gives the same one: for each kind of token."""

import copy
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mixtures import TOKENS, set_any_gate, train_tiny
from serving import serving

import charlm
from charlm import kenlm
from charlm.generation.generate import Sample
from charlm.nn import probability
from charlm.scoring.adapting import AdaptiveReader

SHAPE: dict[str, Any] = {
    **{"ngram": "4", "steps": 25, "hidden_size": 8, "layers": 1, "batch_size": 4, "seq_len": 8, "seed": 1},
}
TEXTS = ["the cat sat", "a dog", "the cats slept and the dog ran", "cat"]


@pytest.fixture(scope="module", params=TOKENS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(tmp_path_factory.mktemp("identities") / "mixed", **TOKENS[request.param], **SHAPE)


@pytest.fixture(scope="module")
def model(folder: Path) -> charlm.LanguageModel:
    return charlm.load(folder)  # type: ignore[return-value]


def rows_of(model: charlm.LanguageModel) -> list[Any]:
    return [model.tokenizer.sequence(model.tokenizer.encode(text), eos=model.line) for text in TEXTS]


def check_samples(model: charlm.LanguageModel, samples: Sequence[Sample]) -> None:
    """Each sample has log P of its tokens, which `score` gives to its text.

    If other tokens could spell a text, it may be cut in another way than it was drawn. Bytes that are not UTF-8 have no
    text of their own.
    """
    scores = [model.score(sample.text, eos=sample.stopped == "eos") for sample in samples]
    same = [math.isclose(*each, abs_tol=1e-4) for each in zip(_sums(samples), _sums(scores), strict=True)]
    several = model.tokenizer.AMBIGUOUS or model.tokenizer.HAS_BYTE_TOKENS
    assert any(same) if several else all(same)


def _sums(each: Sequence[Any]) -> list[float]:
    return [one.logprob for one in each]


def test_all_next_tokens_sum_to_one_and_are_those_of_score(model: charlm.LanguageModel) -> None:
    following = model.next_token_probabilities("the ca")
    assert sum(each.probability for each in following) == pytest.approx(1, abs=1e-5)
    (values,) = probability.quantities(
        model.network, rows_of(model)[:1], {"all": probability.log_mass(np.ones(model.tokenizer.size, dtype=bool))}
    )
    assert values["all"] == pytest.approx(0, abs=1e-5)


def test_a_score_is_the_product_of_what_follows_each_context(model: charlm.LanguageModel) -> None:
    """The chain rule: P(text) = P(beginning) · P(rest | beginning)."""
    rest = model.score(" sat", eos=False, context="the cat")
    assert rest.scored_context is None, "no token spans the end of the context"
    parts = model.score("the cat", eos=False).logprob + rest.logprob
    assert parts == pytest.approx(model.score("the cat sat", eos=False).logprob, abs=1e-4)


def test_batches_and_segments_do_not_matter(model: charlm.LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = rows_of(model)
    whole = probability.log_probabilities(model.network, rows)
    for limits in (probability._Limits(1, 16_384, 4_000_000), probability._Limits(4, 5, 4_000_000)):
        monkeypatch.setattr(probability, "_ON_CPU", limits)
        for one, other in zip(whole, probability.log_probabilities(model.network, rows), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
    monkeypatch.setattr(probability, "_ON_CPU", probability._Limits(64, 16_384, 3 * model.tokenizer.size))
    for one, other in zip(whole, probability.log_probabilities(model.network, rows), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_the_full_distribution_has_the_probabilities_of_the_targets(model: charlm.LanguageModel) -> None:
    rows = rows_of(model)
    full = probability.quantities(model.network, rows, {"rank": probability.rank})
    for row, values in zip(probability.log_probabilities(model.network, rows), full, strict=True):
        np.testing.assert_allclose(values[probability.LOGPROB], row, atol=1e-5)


def test_samples_beams_and_matches_have_the_probabilities_of_score(model: charlm.LanguageModel) -> None:
    check_samples(model, model.sample("", count=8, length=12, seed=1))
    check_samples(model, model.beam("", 4, length=8, count=4))
    check_samples(model, model.sample("", count=8, seed=1, must_match="[a-z ]{3,12}"))


@pytest.mark.parametrize("ways", [("dynamic",), ("cache",), ("dynamic", "cache")], ids=" ".join)
def test_an_adapting_model_sums_to_one(model: charlm.LanguageModel, ways: tuple[str, ...]) -> None:
    """What the cache adds is a distribution too, and a gradient step changes a network, not the sum."""
    model = copy.deepcopy(model)
    set_any_gate(model)
    everything = probability.log_mass(np.ones(model.tokenizer.size, dtype=bool))
    impossible = probability.log_mass((~model.network.allowed_tokens).numpy())
    adapting = AdaptiveReader(model.network, ways)
    for values in adapting.quantities(rows_of(model) * 2, {"everything": everything, "impossible": impossible}):
        assert values["everything"] == pytest.approx(0, abs=1e-5)
        assert values["impossible"].max() == -math.inf
    first = model.adapted(*ways).score(TEXTS[3])
    assert first.logprob == pytest.approx(sum(first.logprobs), abs=1e-5)
    if ways == ("dynamic",):
        assert first.logprob == pytest.approx(model.score(TEXTS[3]).logprob, abs=1e-4), "before it has learned anything"


def test_the_interface_of_kenlm_gives_the_score(folder: Path, model: charlm.LanguageModel) -> None:
    if not model.ends:
        pytest.skip("a running text has no end")
    for text in TEXTS[:2]:
        assert kenlm.Model(str(folder)).score(text) == pytest.approx(model.score(text).logprob / math.log(10), abs=1e-5)


def test_a_server_echoes_the_probabilities_of_score(model: charlm.LanguageModel) -> None:
    pytest.importorskip("starlette", reason="the extra `serve` is not installed")
    pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")
    with serving([model]) as server:
        asked = {"model": model.name, "prompt": TEXTS[0], "max_tokens": 0, "echo": True, "logprobs": 0}
        (choice,) = server.post("/v1/completions", **asked).values["choices"]
        drawn = server.post("/v1/completions", model=model.name, prompt="the ", max_tokens=9, seed=3, logprobs=0)
    expected = model.score(TEXTS[0], eos=False).logprobs
    assert choice["text"] == TEXTS[0]
    assert choice["logprobs"]["token_logprobs"] == pytest.approx(expected, abs=1e-5)
    (sample,) = model.sample("the ", length=9, seed=3)
    assert drawn.values["choices"][0]["text"] == sample.text
    assert sum(drawn.values["choices"][0]["logprobs"]["token_logprobs"]) == pytest.approx(sample.logprob, abs=1e-5)
