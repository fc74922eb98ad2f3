"""A run whose network never predicted better than the counts keeps the counts alone, and every command knows that."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import LINES, QUICK, SMALL, Outcome
from serving import serving

import charlm

Run = Callable[..., Outcome]
SENTENCE = "is its counts of n-grams alone, because no network of its run predicted better"
TEXT = "the cat ran"


@pytest.fixture
def alone(run: Run) -> charlm.LanguageModel:
    """Trained too little to be of use, in checkpoints/alone."""
    Path("corpus.txt").write_text(LINES)
    settings: dict[str, Any] = {"steps": 1, "learning_rate": 1e-9}
    charlm.train("corpus.txt", replace(SMALL, ngram="3"), replace(QUICK, **settings), folder="checkpoints/alone")
    return charlm.load("alone")


@pytest.mark.parametrize(
    "command",
    [
        ["why", TEXT],
        ["neurons", TEXT],
        ["gradients", TEXT],
        ["embed", "neighbors", "a"],
        ["embed", "map", "--output=map.svg"],
        ["embed", "export", "--output=vectors.txt"],
        ["export", "onnx", "--output=model.onnx"],
        ["export", "html", "--output=model.html"],
        ["score", "--dynamic", TEXT],
        ["evaluate", "--dynamic", "corpus.txt"],
    ],
    ids=lambda each: "-".join(each[:2]),
)
def test_what_needs_a_trained_network_is_refused(run: Run, alone: charlm.LanguageModel, command: list[str]) -> None:
    refused = run(*command, "-m", "alone")
    advice = "train it longer with --resume and a larger --minutes, or a network alone with --ngram none"
    assert refused.code == 2 and not refused.out
    assert refused.err.splitlines()[-1] == f"error: alone {SENTENCE}; {advice}"
    assert not any(Path(each).exists() for each in ("map.svg", "vectors.txt", "model.onnx", "model.html"))


def test_no_run_starts_from_it(run: Run, alone: charlm.LanguageModel) -> None:
    refused = run("train", "corpus.txt", "--from=alone", "--model=next", "--steps=2")
    assert refused.code == 2 and f"error: alone {SENTENCE}; train it longer" in refused.err
    assert not Path("checkpoints/next").exists()


def test_the_card_says_it(alone: charlm.LanguageModel, counted_folder: Path) -> None:
    sentence = "Only the counts answer:\nno network of the run predicted better."
    assert sentence in Path("checkpoints/alone/README.md").read_text()
    assert sentence not in (counted_folder / "README.md").read_text()


def test_the_library_says_what_to_try_without_options(alone: charlm.LanguageModel) -> None:
    assert alone.counts_alone
    for ask in (alone.without_counts, lambda: alone.adapted("cache", "dynamic")):
        with pytest.raises(charlm.ConfigError) as error:
            ask()
        assert str(error.value) == f"alone {SENTENCE}"
        (note,) = error.value.__notes__
        assert note.startswith("Train it longer with resume=True") and "--" not in note


def test_probabilities_are_those_of_the_counts(run: Run, alone: charlm.LanguageModel) -> None:
    score = alone.score(TEXT)
    ids = alone.tokenizer.sequence(alone.tokenizer.encode(TEXT), eos=True)
    (counted,) = alone.network.counts.log_probabilities([ids])  # type: ignore[operator, union-attr]
    assert score.logprobs == pytest.approx(counted.tolist(), abs=1e-6)
    assert score.gates == [1.0] * len(score.logprobs)
    listed = alone.next_token_probabilities("the c")
    assert sum(each.probability for each in listed) == pytest.approx(1.0)
    assert alone.sample("the ", length=20, seed=1)[0].text
    adapted = alone.adapted("cache").score(TEXT)
    assert adapted.logprob < 0 and adapted.logprobs[0] == pytest.approx(score.logprobs[0])


@pytest.mark.parametrize("weights", ["int8", "bfloat16"])
def test_a_rounded_copy_is_the_same_model(run: Run, alone: charlm.LanguageModel, weights: str) -> None:
    assert run("export", "model", "-m", "alone", "--weights", weights, "-o", "small").code == 0
    small = charlm.load("small")
    assert isinstance(small, charlm.LanguageModel) and small.counts_alone
    assert small.score(TEXT).logprobs == alone.score(TEXT).logprobs
    assert "the counts alone were kept" in run("info", "small").out


def test_info_and_the_report_say_it(run: Run, alone: charlm.LanguageModel, counted_folder: Path) -> None:
    values = json.loads(run("info", "alone", "--json").out)
    assert values["counts_alone"] is True and values["step"] == 0
    bits = values["validation"]["bits_per_char"]
    assert f"bits/char    {bits:.4f} (the counts alone were kept)\n" in run("info", "alone").out
    assert "counts_alone" not in json.loads(run("info", "-m", counted_folder, "--json").out)
    assert run("report", "-m", "alone", "--output=alone.html").code == 0
    page = Path("alone.html").read_text()
    assert "The counts alone were kept, because the network did not predict better." in page
    assert "Map of the tokens" not in page


def test_a_server_completes_texts_but_shows_no_page(alone: charlm.LanguageModel) -> None:
    pytest.importorskip("starlette", reason="the extra `serve` is not installed")
    from charlm.pages.writing_page import page

    with serving([alone], page=page) as address:
        reply = address.post("/v1/completions", prompt="the ", max_tokens=20, seed=1)
        assert reply.values["choices"][0]["text"] == alone.sample("the ", length=20, seed=1)[0].text
        refused = address.get("/")
        assert refused.status == 400 and SENTENCE in refused.values["error"]["message"]


def test_a_longer_run_ends_with_a_network(run: Run, alone: charlm.LanguageModel) -> None:
    """What the error advises."""
    assert charlm.train("corpus.txt", folder="checkpoints/alone", resume=True, steps=2).counts_alone
    settings = replace(QUICK, steps=120, learning_rate=0.02)
    trained = charlm.train(LINES, replace(SMALL, ngram="2"), settings, folder="checkpoints/trained")
    assert not trained.counts_alone
    assert run("why", "-m", "trained", TEXT).code == 0
