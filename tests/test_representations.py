"""What a Python prompt shows of each public object: one line, with the figures that one looks for."""

from dataclasses import replace
from pathlib import Path

import pytest
from conftest import LINES, QUICK, SMALL

import charlm

LONGEST = 110  # columns


def test_a_model_shows_its_name_its_size_and_its_vocabulary(
    bigram_model: charlm.LanguageModel, line_folder: Path, tmp_path: Path
) -> None:
    assert repr(bigram_model) == "<LanguageModel: 1 × identity rnn 5, 90 parameters, 2 characters>"
    named = charlm.load(line_folder)
    assert repr(named) == "<LanguageModel lines: 1 × gru 16, 1,673 parameters, 14 characters>"
    assert repr(named.adapted("cache", "dynamic")).endswith("14 characters, adapting by cache and dynamic>")
    assert repr(replace(named, name="\x1b[2J")).startswith("<LanguageModel \\x1b[2J: ")
    (tmp_path / "cats.txt").write_text(LINES, encoding="utf-8")
    settings = replace(QUICK, steps=1)
    assert repr(charlm.train(tmp_path / "cats.txt", SMALL, settings)).startswith("<LanguageModel cats: 1 × gru 16, ")
    assert repr(charlm.train(LINES, SMALL, settings)).startswith("<LanguageModel text: ")
    assert charlm.train(LINES, SMALL, settings, folder=tmp_path / "pets").name == "pets"
    bytes_model = charlm.train(LINES, replace(SMALL, tokenizer="byte"), settings)
    assert repr(bytes_model).endswith("256 bytes>")


def test_a_score_shows_its_figures(bigram_model: charlm.LanguageModel) -> None:
    """log P = log(1/2 · 1/2 · 1/2): three tokens of one bit each."""
    score = bigram_model.score("ab")
    assert repr(score) == "<Score 'ab': -2.0794 nats, perplexity 2.0000, 1.0000 bits per character>"
    assert repr(bigram_model.score("", eos=False)) == "<Score '': – nats, perplexity –, – bits per character>"
    assert repr(bigram_model.score("☃")) == "<Score '☃': – nats, perplexity –, 1 unknown character>"
    assert repr(bigram_model.score("aé")).endswith(", 1 unknown character>")
    long = repr(bigram_model.score("ab" * 100))
    assert long.startswith("<Score 'abababababababababababa…': ") and len(long) <= LONGEST


def test_an_evaluation_shows_perplexity_and_bits(bigram_model: charlm.LanguageModel) -> None:
    evaluation = bigram_model.evaluate("ab\nab\n")
    assert repr(evaluation) == "<Evaluation: perplexity 2.0000, 1.0000 bits per character, 6 tokens>"
    unknown = repr(bigram_model.evaluate("aé\nab\n"))
    assert "bits per known character" in unknown and unknown.endswith(", 6 tokens, 1 unknown character>")


def test_a_sample_shows_its_text_and_why_it_stopped(bigram_model: charlm.LanguageModel) -> None:
    """A greedy choice: b after a, then the end, each with probability 1/2."""
    (sample,) = bigram_model.sample("a", temperature=0, seed=1)
    assert repr(sample) == "<Sample 0: 'a' + 'b', 2 tokens, -1.3863 nats, stopped by eos, seed 1>"
    assert repr(replace(sample, prompt="", seed=None)) == "<Sample 0: 'b', 2 tokens, -1.3863 nats, stopped by eos>"
    assert "\n" not in repr(replace(sample, text="\n" * 50)) and len(repr(replace(sample, text="a" * 500))) <= LONGEST


def test_a_token_and_its_probability_fit_a_line(bigram_model: charlm.LanguageModel) -> None:
    first = bigram_model.next_token_probabilities("a")[0]
    assert repr(first) == "TokenProbability(id=4, text='b', probability=0.5)"


def test_a_plan_shows_its_steps() -> None:
    plan = charlm.Plan(replace(SMALL, dropout=0.0, sequence="line"), QUICK, steps=2000, validations=1)
    assert repr(plan) == "<Plan 1 × gru 16: 2,000 steps of 8 × 16 tokens, 1 validation, learning rate 0.004>"
    assert repr(plan.revise(100, 1500)).startswith("<Plan 1 × gru 16: 1,500 steps")
    assert "rate" not in repr(replace(plan, train=charlm.TrainConfig()))


@pytest.mark.parametrize("name", [name for name in charlm.__all__ if name.endswith("Error")])
def test_an_error_shows_its_sentence(name: str) -> None:
    assert repr(getattr(charlm, name)("no text", remedy="overwrite", path=1)) == f"{name}('no text')"
