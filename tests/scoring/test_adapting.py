"""A model that adapts while it reads: it predicts first and learns then, and the model it came from stays as it was."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import LINES, QUICK, SMALL, Outcome

import charlm
from charlm.comparison import long_documents as segments
from charlm.nn import probability
from charlm.registry import names
from charlm.scoring.adaptation import cache, dynamic
from charlm.scoring.adapting import AdaptiveReader

Run = Callable[..., Outcome]
WAYS = [("cache",), ("dynamic",), ("dynamic", "cache")]
each_way = pytest.mark.parametrize("ways", WAYS, ids="+".join)
REPEATED = "the word was long " * 12


@each_way
def test_what_comes_later_changes_nothing_before_it(stream_model: charlm.LanguageModel, ways: tuple[str, ...]) -> None:
    """Learning acts forward only, within a segment and from segment to segment."""
    for shared in (7, 45):
        beginning = REPEATED[:shared]
        one, other = (
            stream_model.adapted(*ways).score(beginning + rest).logprobs
            for rest in ("a long text, and then more of it", "xxnoitgnhsrxxxnoitgnhsrxxxnoitgn")
        )
        assert one[:shared] == pytest.approx(other[:shared], abs=1e-5)
        assert one[shared:] != pytest.approx(other[shared:], abs=1e-2)


@each_way
def test_a_text_that_repeats_itself_becomes_likelier(stream_model: charlm.LanguageModel, ways: tuple[str, ...]) -> None:
    static = stream_model.score(REPEATED).logprobs
    adapted = stream_model.adapted(*ways).score(REPEATED).logprobs
    assert sum(adapted) > sum(static) + 1
    half = len(static) // 2
    gains = [sum(adapted[part]) - sum(static[part]) for part in (slice(0, half), slice(half, None))]
    assert gains[1] > gains[0], "the more it has read"
    assert adapted[0] == pytest.approx(static[0], abs=1e-5), "before anything is read there is nothing to adapt to"


@each_way
def test_lines_are_read_in_their_order_and_learned_from(
    line_model: charlm.LanguageModel, ways: tuple[str, ...]
) -> None:
    one, other = "the dogs slept", "a cat sat"
    first, second = line_model.adapted(*ways).score_many([one, other])
    second_first, first_second = line_model.adapted(*ways).score_many([other, one])
    assert first.logprob != pytest.approx(first_second.logprob, abs=1e-3)
    assert second.logprob != pytest.approx(second_first.logprob, abs=1e-3)
    apart = line_model.adapted(*ways)
    assert [apart.score(text).logprob for text in (one, other)] == [first.logprob, second.logprob]
    together = line_model.adapted(*ways).evaluate(f"{one}\n{other}\n")
    assert together.nats == pytest.approx(-first.logprob - second.logprob)
    assert (together.adapting, first.adapting, line_model.score(one).adapting) == (ways, ways, None)


@each_way
def test_probabilities_sum_to_one_whatever_was_read(model: charlm.LanguageModel, ways: tuple[str, ...]) -> None:
    """Also after unknown characters, from which nothing is to be learned: what is impossible stays so."""
    adapting = AdaptiveReader(model.network, ways)
    ids = model.tokenizer.encode(REPEATED + "ö€ö€" + REPEATED)
    row = np.concatenate(([model.tokenizer.START], ids)).astype(np.int32)
    impossible = probability.log_mass((~model.network.allowed_tokens).numpy())
    for _ in range(2):
        everything = probability.log_mass(np.ones(model.tokenizer.size, bool))
        (values,) = adapting.quantities([row], {"everything": everything, "impossible": impossible})
        assert values["everything"] == pytest.approx(0, abs=1e-5)
        assert values["impossible"].max() == -math.inf


@each_way
def test_from_what_is_unknown_nothing_is_learned(stream_model: charlm.LanguageModel, ways: tuple[str, ...]) -> None:
    adapting = stream_model.adapted(*ways)
    assert adapting.score("€" * 50).logprob == -math.inf
    assert adapting.score("the").logprobs[0] == pytest.approx(stream_model.score("the").logprobs[0], abs=1e-6)


@each_way
@pytest.mark.parametrize("cell", names("nn.cells"))
def test_the_trained_model_stays_as_it_is(cell: str, ways: tuple[str, ...]) -> None:
    shape = charlm.ModelConfig(cell=cell, hidden_size=8, layers=2, embedding_size=4, ngram="none")
    model = charlm.train(LINES, shape, charlm.TrainConfig(steps=2, batch_size=2, seq_len=4, threads=1))
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    scored, drawn = model.score("the cat sat"), model.sample(count=3, seed=1)
    adapting = model.adapted(*ways)
    first, again = adapting.score_many(["the cat sat"] * 2)
    assert again.logprob > first.logprob
    assert all(torch.equal(before[name], value) for name, value in model.network.state_dict().items())
    assert (model.score("the cat sat"), adapting.sample(count=3, seed=1)) == (scored, drawn)


def test_dynamic_evaluation_is_its_formula(line_model: charlm.LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """θ ← θ - η · g / (√v + ε) + λ · (θ₀ - θ), line by line, each shorter than a segment."""
    monkeypatch.setattr(dynamic, "RATE", 0.01)
    monkeypatch.setattr(dynamic, "DECAY", 0.1)
    lines = ["the cat ran", "a dog sat", "the cats slept"]
    result = [score.logprob for score in line_model.adapted("dynamic").score_many(lines)]
    network = charlm.train(LINES, SMALL, QUICK).network
    trained = {name: value.detach().clone() for name, value in network.named_parameters()}
    squares = {name: torch.zeros_like(value) for name, value in trained.items()}
    expected = []
    for number, line in enumerate(lines, start=1):
        ids = torch.tensor([line_model.tokenizer.START, *line_model.tokenizer.encode(line), line_model.tokenizer.EOS])
        logits, _ = network(ids[:-1, None])
        logprob = -torch.nn.functional.cross_entropy(logits[:, 0], ids[1:], reduction="sum")
        expected.append(float(logprob.detach()))
        network.zero_grad()
        (-logprob / 20).backward()
        with torch.no_grad():
            for name, weight in network.named_parameters():
                squares[name] += weight.grad**2
                step = weight.grad / ((squares[name] / number).sqrt() + 1e-8)
                weight += -0.01 * step + 0.1 * (trained[name] - weight)
    assert result == pytest.approx(expected, abs=1e-4)
    assert result[0] == pytest.approx(line_model.score(lines[0]).logprob) != pytest.approx(result[2], abs=0.1)


def test_the_cache_is_its_formula(line_model: charlm.LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """One symbol after the other, over the latest places alone, through segments and lines."""
    monkeypatch.setattr(cache, "SIZE", 9)
    monkeypatch.setattr(cache.Cache, "segment", 4)
    lines = ["the cat ran", "a dog sat"]
    result = [value for score in line_model.adapted("cache").score_many(lines) for value in score.logprobs]
    expected, places = [], list[tuple[torch.Tensor, int]]()
    for line in lines:
        ids = [line_model.tokenizer.START, *line_model.tokenizer.encode(line).tolist(), line_model.tokenizer.EOS]
        with torch.inference_mode():
            outputs, _ = line_model.network.outputs(torch.tensor(ids[:-1])[:, None])
            probabilities = line_model.network.logits(outputs).softmax(-1)[:, 0]
        for now, own, target in zip(
            outputs[:, 0] / outputs[:, 0].norm(dim=1, keepdim=True), probabilities, ids[1:], strict=True
        ):
            likeness = [(math.exp(cache.SHARPNESS * float(now @ then)), symbol) for then, symbol in places[-9:]]
            total = sum(each for each, _ in likeness)
            cached = sum(each for each, symbol in likeness if symbol == target) / total if total else 0
            share = cache.SHARE if places else 0
            expected.append(math.log((1 - share) * float(own[target]) + share * cached))
            places.append((now, target))
    assert result == pytest.approx(expected, abs=1e-4)


def test_a_way_that_there_is_not_is_refused(line_model: charlm.LanguageModel) -> None:
    with pytest.raises(charlm.ConfigError, match="cache or dynamic"):
        line_model.adapted()
    with pytest.raises(charlm.UnknownNameError, match="dynamic"):
        line_model.adapted("dinamic")


def test_a_stream_is_not_cut_for_a_model_that_adapts(stream_model: charlm.LanguageModel) -> None:
    result = stream_model.adapted("cache").evaluate(REPEATED * 50)
    assert (result.streams, result.window) == (1, None)
    for settings in ({"window": 8}, {"streams": 2}):
        with pytest.raises(charlm.ConfigError, match="leave window and streams out"):
            stream_model.adapted("cache").evaluate(REPEATED, **settings)


@pytest.mark.usefixtures("large")
def test_a_long_text_is_adapted_to_through_its_segments(
    run: Run, stream_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "_SEGMENT_CHARACTERS", 100)
    (tmp_path / "long.txt").write_text(REPEATED * 4)
    result = [
        json.loads(run("evaluate", "long.txt", "--json", "-m", stream_folder, *options).out)
        for options in ([], ["--dynamic"])
    ]
    assert result[0]["tokens"] == result[1]["tokens"] == len(REPEATED * 4)
    assert result[1]["nats_per_token"] < result[0]["nats_per_token"]
    assert result[1]["adapting"] == ["dynamic"]
    refused = run("evaluate", "long.txt", "--neural-cache", "--window", 9, "-m", stream_folder)
    assert (refused.code, refused.out) == (2, "")


@pytest.mark.parametrize("options", [["--dynamic"], ["--neural-cache"], ["--dynamic", "--neural-cache"]])
def test_the_command_says_how_it_adapted(run: Run, line_folder: Path, options: list[str]) -> None:
    ways = [option.removeprefix("--").removeprefix("neural-") for option in options]
    texts = ["the cat ran", "the cat ran"]
    files = {path: path.read_bytes() for path in line_folder.iterdir() if path.is_file()}
    model = charlm.load(line_folder).adapted(*ways)
    expected = [score.logprob for score in model.score_many(texts)]
    done = run("score", "--json", *options, "-m", line_folder, *texts)
    result = [json.loads(line) for line in done.out.splitlines()]
    assert [each["logprob"] for each in result] == expected and expected[1] > expected[0]
    assert [each["adapting"] for each in result] == [ways, ways]
    for form in ("--tsv", "--heat", "--format=kenlm", "--format=html", "--full"):
        done = run("score", form, *options, "-m", line_folder, *texts)
        output = done.out + done.err
        assert done.code == 0 and output.count("adapting to the text read so far") >= 1, form
    Path("lines").write_text("the cat ran\n" * 2)
    done = run("evaluate", "lines", *options, "-m", line_folder)
    assert "adapting to the text read so far, in order, by " in done.out
    assert "dynamic evaluation" in done.out or "--dynamic" not in options
    assert {path: path.read_bytes() for path in files} == files, "the model on disk is what it was"


def test_pairs_are_compared_by_a_model_that_stays(run: Run, line_folder: Path) -> None:
    Path("pairs").write_text("the cat ran\tthe cat runs\n")
    refused = run("score", "--pairs", "pairs", "--dynamic", "-m", line_folder)
    assert (refused.code, refused.out) == (2, "") and "leave --dynamic out" in refused.err


def test_without_these_options_nothing_is_said_of_them(run: Run, line_folder: Path) -> None:
    Path("lines").write_text("the cat ran\n")
    values: list[dict[str, Any]] = [
        json.loads(run(*command, "--json", "-m", line_folder).out)
        for command in (("evaluate", "lines"), ("score", "--file", "lines"))
    ]
    assert all("adapting" not in each for each in values)


@pytest.mark.parametrize("command", ["score", "evaluate"])
def test_the_former_name_of_the_neural_cache_is_accepted_and_said(run: Run, line_folder: Path, command: str) -> None:
    Path("lines").write_text("the cat ran\nthe cat ran\n")
    text = ["--file"] if command == "score" else []
    old, new = (
        run(command, option, "--json", "-m", line_folder, *text, "lines") for option in ("--cache", "--neural-cache")
    )
    assert old.out == new.out != "" and '"adapting":["cache"]' in old.out.replace(" ", "")
    notice = "--cache is now --neural-cache; the old name will go in 0.3\n"
    assert notice in old.err and notice not in new.err
    assert notice not in run(command, "--cache", "--quiet", "-m", line_folder, *text, "lines").err
    assert "--cache" not in run(command, "--help").out
