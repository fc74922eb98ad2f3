"""Attribution of predictions: both methods against direct computation, and the output of `charlm why`."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Outcome

import charlm
from charlm.analysis.attribution import attribute, by_deletion, by_gradient
from charlm.cli.view.attribution_map import show
from charlm.nn.network import Network
from charlm.registry import names

Run = Callable[..., Outcome]
ROW = np.array([1, 5, 3, 4, 5, 6, 3], dtype=np.int32)


def network(cell: str, embedding: str = "learned") -> Network:
    torch.manual_seed(3)
    shape = charlm.ModelConfig(
        sequence="stream", embedding=embedding, cell=cell, embedding_size=5, hidden_size=6, layers=2, dropout=0.0
    )
    return Network(shape, 7).eval()


def test_deletion_is_the_log_probability_without_the_character(model: charlm.LanguageModel) -> None:
    """Compare with scores of the shorter texts."""
    text = "the cat" if model.line else "In the word"
    found = attribute(model, text)
    whole = model.score(text)
    assert found.tokens == whole.tokens and found.logprobs == whole.logprobs
    for t, weights in enumerate(found.deletion):
        assert len(weights) == t
        for s, weight in enumerate(weights[:3]):
            shorter = model.score(text[:s] + text[s + 1 :]).logprobs[t - 1]
            assert weight == pytest.approx(whole.logprobs[t] - shorter, abs=1e-5)


@pytest.mark.parametrize("cell", names("nn.cells"))
def test_gradient_times_input_is_the_slope_along_each_vector(cell: str) -> None:
    """Compare with finite differences: each position has a vector of its own, which grows and shrinks a little."""
    made = network(cell)
    found = by_gradient(made, ROW)
    made = made.double()
    table = made.embedding.weight.data
    for s in (1, 3):
        logprobs = []
        for factor in (1 + 1e-6, 1 - 1e-6):
            made.embedding.weight = torch.nn.Parameter(table[torch.from_numpy(ROW.astype(np.int64))].clone())
            made.embedding.weight.data[s] *= factor
            logits, _ = made(torch.arange(len(ROW) - 1)[:, None])
            logprobs.append(torch.log_softmax(logits[:, 0], 1).detach())
        slopes = (logprobs[0] - logprobs[1]) / 2e-6
        for t in range(s, len(ROW) - 1):
            assert found[t][s - 1] == pytest.approx(slopes[t, ROW[t + 1]].item(), abs=1e-5)
    assert [len(weights) for weights in found] == list(range(len(ROW) - 1))


def test_one_hot_vectors_have_a_gradient_too() -> None:
    """e_i selects column i of W_x, so the weight of a token that occurs once is the slope along that column."""
    made = network("rnn", "one-hot")
    found = by_gradient(made, ROW[:3])
    column = made.double().cells[0].weight_ih.data[:, ROW[1]]
    logprobs = []
    for factor in (1 + 1e-6, (1 - 1e-6) / (1 + 1e-6)):
        column *= factor
        logits, _ = made(torch.from_numpy(ROW[:2].astype(np.int64))[:, None])
        logprobs.append(torch.log_softmax(logits[1, 0], 0)[ROW[2]].item())
    assert found[1] == pytest.approx([(logprobs[0] - logprobs[1]) / 2e-6], abs=1e-5)


def test_the_model_of_bigrams_asks_for_the_last_character_alone(bigram_model: charlm.LanguageModel) -> None:
    found = attribute(bigram_model, "abba")
    for t, weights in enumerate(found.deletion):
        assert weights[: max(0, t - 1)] == pytest.approx([0.0] * max(0, t - 1), abs=1e-6)
    # P(b|a) = 1/2 and, with a left out, P(b|start) = 1/4.
    assert found.deletion[1] == pytest.approx([math.log(2)], abs=1e-6)
    # P(a|b) = 1/4, after "ab" too; P(end|a) = 1/4, and without the a P(end|b) = 1/2.
    assert found.deletion[3][2] == pytest.approx(0, abs=1e-6)
    assert found.deletion[4][3] == pytest.approx(-math.log(2), abs=1e-6)


def test_many_predictions_are_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    made = network("gru")
    whole = by_gradient(made, ROW)
    monkeypatch.setattr("charlm.analysis.attribution._ROWS", 2)
    for weights, expected in zip(by_gradient(made, ROW), whole, strict=True):
        assert weights == pytest.approx(expected, abs=1e-6)
    assert all(each.requires_grad for each in made.parameters()) and len(by_deletion(made, ROW)) == 6


# the command


def test_json_has_for_each_position_the_weights_of_the_earlier_ones(run: Run, line_folder: Path) -> None:
    values = json.loads(run("why", "-m", line_folder, "--json", "a dog").out)
    found = attribute(charlm.load(line_folder), "a dog")
    assert list(values) == ["text", "tokens", "logprobs", "deletion", "gradient"]
    assert values["tokens"] == [*"a dog", None]
    for way in ("deletion", "gradient"):
        assert [len(weights) for weights in values[way]] == [0, 1, 2, 3, 4, 5]
        for weights, expected in zip(values[way], getattr(found, way), strict=True):
            assert weights == pytest.approx(expected, abs=1e-6)


def test_each_row_has_a_mark_below_each_earlier_character(
    bigram_model: charlm.LanguageModel, capsys: pytest.CaptureFixture[str]
) -> None:
    """A step is a ninth of the largest weight, here one bit; digits helped, letters hindered, a dot had no effect."""
    show(attribute(bigram_model, "abba"), "deletion", line=True)
    header, *marks = capsys.readouterr().out.split("\n\n")[0].splitlines()
    assert header.split() == ["abba"]
    assert [line.split() for line in marks] == [["b", "9"], ["b", "·i"], ["a", "···"], ["<EOS>", "···i"]]


def test_the_map_is_broken_to_the_width(run: Run, line_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    shown = run("why", "-m", line_folder, "the cats slept").out.splitlines()
    assert max(map(len, shown)) <= 20
    assert [line.strip() for line in shown if line.startswith(" " * 7)][:2] == ["the cats slep", "t"]
    triangle = shown[1 : shown.index("")]
    assert [line[:7].strip() for line in triangle] == [*"he", "␣", *"cats", "␣", *"slept", "<EOS>"]
    assert [len(line) - 7 for line in triangle] == [*range(1, 14), 13]


@pytest.mark.filterwarnings("error")
def test_a_character_that_cannot_be_predicted_has_no_weights(run: Run, line_folder: Path) -> None:
    values = json.loads(run("why", "-m", line_folder, "--json", "aé").out)
    assert values["deletion"][1] == values["gradient"][1] == [None]
    assert None not in values["gradient"][2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--by", "magic", "a"], "deletion or gradient"),
        ([""], "the text is empty"),
        (["a" * 301], "301 tokens, and the limit is 300"),
        (["a\nb"], "newline"),
        (["a", "--file", "x"], "not both"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(run: Run, line_folder: Path, arguments: list[str], words: str) -> None:
    refused = run("why", "-m", line_folder, "-q", *arguments)
    assert (refused.code, refused.out) == (2, "")
    (line,) = refused.err.splitlines()
    assert line.startswith("error: ") and words in line
