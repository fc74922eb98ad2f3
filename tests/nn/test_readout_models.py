"""Check a model with each readout, from training to every method of a model."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import LINES, QUICK, Outcome
from reference_run import ending, metrics

import charlm
from charlm.checkpoints.model_folder import WEIGHTS
from charlm.config import ModelConfig
from charlm.generation import samples
from charlm.nn import probability
from charlm.training.learner import Learner

TEXT = "the cats slept"
KINDS = {
    "adaptive": {"readout": "adaptive"},
    "shortlist": {"readout": "adaptive", "shortlist": 9},
    "tied": {"tie_weights": True},
    "jordan": {"readout": "adaptive", "cell": "jordan"},
}
SHAPE = ModelConfig(hidden_size=16, layers=1, ngram="none")
CONFIG = replace(QUICK, steps=60, learning_rate=0.02)


@pytest.fixture(scope="module", params=KINDS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained line model with each readout."""
    made: Path = tmp_path_factory.mktemp("models") / request.param
    charlm.train(LINES, replace(SHAPE, **KINDS[request.param]), CONFIG, folder=made)
    return made


def test_probabilities_sum_to_one_and_a_score_is_their_product(folder: Path) -> None:
    model = charlm.load(folder)
    score, detailed = model.score(TEXT), model.score(TEXT, alternatives=3)
    assert score.logprobs == pytest.approx(detailed.logprobs, abs=1e-5)
    for t, symbol in enumerate([*model.tokenizer.encode(TEXT), model.tokenizer.EOS]):
        found = {each.id: each.probability for each in model.next_token_probabilities(TEXT[:t])}
        assert sum(found.values()) == pytest.approx(1, abs=1e-6)
        assert [each for each in found if found[each] == 0] == [model.tokenizer.UNK, model.tokenizer.START]
        assert math.log(found[symbol]) == pytest.approx(score.logprobs[t], abs=1e-4)


def test_it_has_learned_and_training_told_what_evaluate_says(folder: Path) -> None:
    model = charlm.load(folder)
    stored = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])["valid"]
    held_out = charlm.tasks.text.preparation.prepare(LINES, model.config, CONFIG, None).split.valid
    found = model.evaluate("\n".join(held_out) + "\n")
    assert found.nats_per_token == pytest.approx(stored["nats_per_token"], rel=1e-5) and found.nats_per_token < 1.5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["info"], "16 wide"),
        (["sample", "--count=5", "--seed=1"], "\n"),
        (["sample", "--beam=4", "--scores"], "perplexity"),
        (["sample", "--must-match=the c.*", "--length=9"], "the c"),
        (["score", TEXT], "log-probability"),
        (["score", "--full", TEXT], "entropy"),
        (["score", "--unit=word", TEXT], "cats"),
        (["evaluate", "lines.txt"], "nats"),
        (["score", "--dynamic", "--neural-cache", TEXT], "log-probability"),
        (["gradients", TEXT], ""),
        (["why", TEXT], "cats"),
        (["neurons", TEXT], "cats"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_every_command_knows_it(run: Callable[..., Outcome], folder: Path, arguments: list[str], said: str) -> None:
    Path("lines.txt").write_text(LINES)
    done = run(*arguments, "-m", folder)
    assert done.code == 0, done.err
    assert said in done.out


def test_samples_have_the_probability_that_a_score_gives_them(folder: Path) -> None:
    model = charlm.load(folder)
    for sample in model.sample(count=20, length=100, seed=3):
        ended = sample.stopped == "eos"
        assert sample.logprob == pytest.approx(model.score(sample.text, eos=ended).logprob, abs=1e-3)


def test_a_large_vocabulary_is_drawn_from_in_small_groups(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a few tokens at a time: the limits of memory do not change the results."""
    model = charlm.load(folder)
    drawn, scored = model.sample(count=5, seed=1), model.score(TEXT, alternatives=2)
    monkeypatch.setattr(samples, "_MAX_LOGITS_PER_STEP", 2 * model.tokenizer.size)
    limits = probability._ON_CPU._replace(logits_per_chunk=3 * model.tokenizer.size)
    monkeypatch.setattr(probability, "_ON_CPU", limits)
    assert [each.text for each in model.sample(count=5, seed=1)] == [each.text for each in drawn]
    assert model.score(TEXT, alternatives=2).logprobs == pytest.approx(scored.logprobs, abs=1e-6)


def test_a_run_that_was_cut_short_goes_on_as_if_it_had_not_been(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = charlm.load(folder).config
    monkeypatch.setattr(Learner, "backward", ending(Learner.backward, 33))
    with pytest.raises(KeyboardInterrupt):
        charlm.train(
            LINES,
            replace(SHAPE, **KINDS[folder.name]),
            CONFIG,
            folder=tmp_path / "m",
        )
    monkeypatch.undo()
    assert charlm.train(LINES, folder=tmp_path / "m", resume=True).config == shape
    assert (tmp_path / "m" / WEIGHTS).read_bytes() == (folder / WEIGHTS).read_bytes()
    assert metrics(tmp_path / "m") == metrics(folder)


def test_the_readout_of_a_text_follows_from_how_often_its_characters_occur(tmp_path: Path) -> None:
    """With 800 characters that occur once or twice, all others are the shortlist; without them, it is dense."""
    common = (LINES * (800_000 // len(LINES) + 1))[:800_000]
    rare = [chr(0x4E00 + number) for number in range(800)]
    text = "".join(character + common[1000 * i : 1000 * (i + 1)] for i, character in enumerate(rare))
    shape = charlm.ModelConfig(hidden_size=8, layers=1, sequence="stream", ngram="none")
    for name, corpus in (("many", text), ("few", common[:20_000])):
        charlm.train(corpus, shape, replace(QUICK, steps=2, valid_fraction=0.02), folder=tmp_path / name)
    many, few = (json.loads((tmp_path / name / "config.json").read_text())["model"] for name in ("many", "few"))
    assert many["readout"] == "adaptive" and few["readout"] == "dense" and "shortlist" not in few
    model = charlm.load(tmp_path / "many")
    assert many["shortlist"] == model.network.readout.shortlist < 40 and model.tokenizer.size > 800
    assert sum(each.probability for each in model.next_token_probabilities("the c")) == pytest.approx(1, abs=1e-5)
    assert math.isfinite(model.score(f"the {rare[3]} {rare[700]}").logprob)
