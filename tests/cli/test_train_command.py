"""`charlm train`: input, output, refused options, and repeated runs."""

import gzip
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from conftest import LINES, QUICK, SMALL, STREAM, TINY, Outcome

import charlm
from charlm.cli.view import messages
from charlm.config import ModelConfig
from charlm.data.documents import Document
from charlm.data.split import hold_out
from charlm.training.events import Planned

Run = Callable[..., Outcome]
VALIDATION = ["nats_per_token", "bits_per_char", "perplexity", "tokens", "characters"]


@pytest.fixture
def train(run: Run, tmp_path: Path) -> Run:
    """Train a tiny model in a folder with two texts."""
    (tmp_path / "lines.txt").write_text(LINES)
    (tmp_path / "stream.txt").write_text(STREAM)
    return lambda *arguments: run("train", *TINY, "--steps=20", *arguments)


def weights(model: str) -> bytes:
    return Path("checkpoints", model, "model.safetensors").read_bytes()


def numbers(model: str) -> bytes:
    """Return the weights without the header, whose checksums also cover the names of the files."""
    return weights(model)[8 + int.from_bytes(weights(model)[:8], "little") :]


def evaluated(run: Run, *arguments: object) -> Any:
    """Return the last line of `charlm evaluate`, for one file or the total."""
    return json.loads(run("evaluate", "--json", *arguments).out.splitlines()[-1])


def test_stdout_is_the_folder_and_stderr_the_messages(train: Run) -> None:
    done = train("stream.txt")
    assert (done.code, done.out) == (0, "checkpoints/stream\n")
    vocabulary = f"vocabulary of {len(set(STREAM)) + 3} tokens with 3 control tokens"
    assert f"{len(STREAM):,} characters, {vocabulary}, 1 text" in done.err
    assert "3,132 characters for training, 348 held out" in done.err
    assert "20 steps of 4 × 8 tokens" in done.err
    assert "stream: line 2 of stream.txt is blank" in done.err
    assert "\x1b" not in done.err and "\r" not in done.err
    validations = re.findall(r"^step [\d,]+/20 .* bits/char .* char/s .* left.*$", done.err, re.MULTILINE)
    plan = json.loads(Path("checkpoints/stream/plan.json").read_text())
    assert len(validations) == plan["validations"] > 0, "a plain line each"


def test_the_choice_of_lines_and_its_reason_are_told(train: Run, run: Run) -> None:
    assert "line: no line is blank" in train("lines.txt").err
    assert "stream: as asked" in train("lines.txt", "--sequence", "stream", "-m", "other").err
    assert "line: as in the stored plan" in run("train", "lines.txt", "--plan=checkpoints/lines/plan.json", "-mb").err


def test_line_ends_of_windows_are_counted_and_told(train: Run) -> None:
    Path("crlf.txt").write_bytes(LINES.replace("\n", "\r\n").encode())
    assert "270 lines end in CR LF" in train("crlf.txt").err
    assert "\\r" not in Path("checkpoints/crlf/tokenizer.json").read_text()


def test_json_is_one_compact_line_with_these_keys(train: Run, run: Run) -> None:
    done = train("lines.txt", "--json")
    values = json.loads(done.out)
    assert done.out == json.dumps(values, separators=(",", ":"), ensure_ascii=False) + "\n"
    assert list(values) == ["model", "parameters", "steps", "seconds", "characters_per_second", "validation"]
    assert list(values["validation"]) == VALIDATION
    assert values["model"] == "checkpoints/lines" and values["steps"] == 20
    assert values["seconds"] > 0 and values["characters_per_second"] > 0
    assert values["parameters"] == json.loads(run("info", "--json").out)["parameters"]


def test_quiet_says_nothing(train: Run) -> None:
    assert train("lines.txt", "--quiet") == Outcome(0, "checkpoints/lines\n", "")
    assert train("stream.txt", "-q", "--json").err == ""


def test_infinity_is_null_everywhere(train: Run) -> None:
    """One step at a learning rate of 100 makes the perplexity of the held-out text overflow."""
    wild = ["--cell=rnn", "--activation=identity", "--learning-rate=100", "--steps=1", "--json"]
    done = train("lines.txt", *wild)
    assert json.loads(done.out)["validation"]["perplexity"] is None
    for line in Path("checkpoints/lines/metrics.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


@pytest.mark.parametrize(
    "files", [["stream.txt"], ["stream.txt", "other.txt"], ["lines.txt"], ["lines.txt", "more.txt"]], ids=" ".join
)
def test_the_validation_number_is_that_of_evaluate(train: Run, run: Run, files: list[str]) -> None:
    """Write the held-out part to a separate file: the last tenth of a stream, or the lines with low hashes."""
    Path("other.txt").write_text(STREAM[::-1])
    Path("more.txt").write_text(LINES.upper() + LINES)
    values = json.loads(train(*files, "--json", "--steps", 40).out)
    texts = [Path(name).read_text() for name in files]
    if files[0] == "stream.txt":
        parts = [text[int(0.9 * len(text)) :] for text in texts]
    else:  # lines stand alone, so that one file of them all will do
        lines = hold_out([Document(name, text) for name, text in zip(files, texts, strict=True)], "line", 0.1).valid
        parts = ["".join(f"{line}\n" for line in lines)]
    held_out = [f"held-{place}" for place in range(len(parts))]
    for name, part in zip(held_out, parts, strict=True):
        Path(name).write_text(part)
    found = evaluated(run, *held_out)
    assert {name: found[name] for name in VALIDATION} == values["validation"]


def test_a_held_out_file_of_its_own(train: Run, run: Run) -> None:
    Path("held.txt").write_text(LINES[:99])
    done = json.loads(train("lines.txt", "--valid", "held.txt", "--json").out)
    found = evaluated(run, "held.txt")
    assert {name: found[name] for name in VALIDATION} == done["validation"]


@pytest.mark.parametrize(
    ("corpus", "name"), [("lines.txt", "lines"), ("b.txt.gz", "b"), ("c.gz", "c"), ("folder", "folder"), ("-", "stdin")]
)
def test_every_kind_of_corpus_gives_the_same_model_under_its_own_name(
    train: Run, corpus: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ("b.txt.gz", "c.gz"):
        Path(path).write_bytes(gzip.compress(LINES.encode()))
    Path("folder/deep").mkdir(parents=True)
    Path("folder/deep/text").write_text(LINES)
    with open("lines.txt") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert train(corpus).out == f"checkpoints/{name}\n"
    train("lines.txt", "-m", "plain")
    assert numbers(name) == numbers("plain")


def test_the_first_of_several_corpora_gives_the_name(train: Run) -> None:
    assert train("stream.txt", "lines.txt").out == "checkpoints/stream\n"


def test_an_existing_model_is_refused_and_the_option_named(train: Run) -> None:
    train("lines.txt")
    before = weights("lines")
    refused = train("lines.txt", "--seed", 1)
    assert (refused.code, refused.out) == (2, "")
    assert "--overwrite" in refused.err and "checkpoints/lines" in refused.err
    assert weights("lines") == before
    assert train("lines.txt", "--seed", 1, "--overwrite").code == 0
    assert weights("lines") != before
    assert sorted(os.listdir("checkpoints")) == ["latest", "lines"]


FOREIGN = ["diary", '{"format_version": 3, "app": "diary"}', '"format_version"', "7", "null", "[]", "{"]


@pytest.mark.parametrize("config", FOREIGN)
def test_a_folder_that_is_no_model_is_never_removed(train: Run, config: str) -> None:
    folder = Path("checkpoints/lines")
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(config)
    (folder / "diary.txt").write_text("mine")
    refused = train("lines.txt", "--overwrite")
    assert refused.code == 2
    assert "not a charlm model" in refused.err
    assert (folder / "diary.txt").read_text() == "mine"


def test_neither_is_a_file_or_an_empty_folder(train: Run) -> None:
    Path("checkpoints/stream").mkdir(parents=True)
    Path("checkpoints/lines").write_text("mine")
    assert train("lines.txt", "--overwrite").code == 2
    assert train("stream.txt", "--overwrite").code == 2
    assert Path("checkpoints/lines").read_text() == "mine" and Path("checkpoints/stream").is_dir()


def test_options_are_what_the_model_is(train: Run, run: Run) -> None:
    shape = {"cell": "rnn", "activation": "sigmoid", "embedding": "one-hot", "dropout": 0.25, "sequence": "stream"}
    shape |= {"readout_layers": 2, "readout": "adaptive"}
    budget = {"learning_rate": 0.5, "clip": 2.0, "valid_fraction": 0.2, "seed": 7, "device": "cpu"}
    options = [f"--{name.replace('_', '-')}={value}" for name, value in {**shape, **budget}.items()]
    done = train("lines.txt", *options, "--residual")
    assert done.code == 0, done.err
    values = json.loads(run("info", "--json").out)
    expected = {"hidden_size": 8, "embedding_size": 4, "layers": 1, "tokenizer": "char", "residual": True}
    expected |= {"ngram": "none", "ngram_guesses": False}
    assert values["config"] == {**asdict(ModelConfig()), **shape, **expected}
    assert "1 × sigmoid rnn, 8 wide, residual, 2 readout layers, adaptive readout" in run("info").out
    assert values["plan"]["train"].items() >= {**budget, "batch_size": 4, "seq_len": 8, "threads": 1}.items()


def test_epochs_are_passes_over_the_training_part(run: Run, train: Run) -> None:
    """There are 97 windows of 4 × 8 in 3,132 characters; half of them, rounded up, is 49 steps."""
    assert json.loads(run("train", "stream.txt", *TINY, "--epochs=0.5", "--json").out)["steps"] == 49


def test_a_corpus_shorter_than_a_window_makes_a_smaller_one_and_the_plan_says_so(run: Run, train: Run) -> None:
    Path("tiny.txt").write_text("abcab")
    done = run("train", "tiny.txt", "--hidden-size=4", "--steps=2")
    assert done.code == 0
    assert "2 steps of 1 × 4 tokens" in done.err


def test_a_corpus_too_small_to_hold_any_out_is_learned_whole_and_that_is_said(run: Run) -> None:
    Path("tiny.txt").write_text("ab")
    done = run("train", "tiny.txt", "--hidden-size=4", "--steps=2")
    assert done.code == 0
    assert "none held out: the corpus is too short, so validation uses the training text" in " ".join(done.err.split())


def test_a_batch_that_the_device_takes_only_in_parts_is_told() -> None:
    told: list[Any] = []
    charlm.train(STREAM, SMALL, replace(QUICK, steps=1), report=told.append)
    (planned,) = (event for event in told if isinstance(event, Planned))
    assert not any("parts" in line for line in messages.lines(planned))
    assert any("in 4 parts" in line for line in messages.lines(replace(planned, micro_batches=4)))


def test_two_processes_with_one_seed_write_the_same_bytes(
    train: Run, start: Callable[..., subprocess.Popen[str]]
) -> None:
    options = ["stream.txt", "--dropout=0.3", "--seed=5"]
    process = start("train", *TINY, "--steps=20", *options, "--model=there")
    train(*options, "--model=here")
    train(*options, "--seed=6", "--model=other")
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert weights("there") == weights("here") != weights("other")


def test_a_stored_plan_repeats_the_bytes(run: Run, train: Run) -> None:
    train("stream.txt", "--seed=5", "--dropout=0.3", "--cell=lstm")
    plan = "checkpoints/stream/plan.json"
    assert run("train", "stream.txt", "--plan", plan, "--model", "again").code == 0
    assert weights("again") == weights("stream")
    assert Path("checkpoints/again/plan.json").read_bytes() == Path(plan).read_bytes()


def test_an_option_beside_a_plan_wins_but_a_plan_has_its_own_budget(run: Run, train: Run) -> None:
    train("stream.txt")
    plan = ["train", "stream.txt", "--plan", "checkpoints/stream/plan.json", "--model", "again"]
    refused = run(*plan, "--steps", 3)
    assert refused.code == 2 and "--steps" in refused.err
    assert run(*plan, "--seed", 9).code == 0
    assert json.loads(run("info", "--json").out)["plan"]["train"]["seed"] == 9


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("steps", value) for value in ("x", 0, None)],
        *[("revisions", value) for value in ([[1]], [[1, 2, 3]], ["ab"], [[5, 5], [6, 9]])],
        *[("model", {}), ("train", []), ("strange", 1)],
    ],
)
def test_a_plan_that_is_none_is_refused_by_name(run: Run, train: Run, key: str, value: object) -> None:
    train("stream.txt")
    plan = json.loads(Path("checkpoints/stream/plan.json").read_text())
    Path("plan.json").write_text(json.dumps({**plan, key: value}))
    shutil.rmtree("checkpoints")
    refused = run("train", "stream.txt", "--plan", "plan.json")
    assert (refused.code, refused.out) == (2, "")
    assert "plan.json" in refused.err and len(refused.err.splitlines()) == 1
    assert not Path("checkpoints").exists()


def test_the_network_may_not_know_the_guesses_of_the_counts(train: Run, run: Run) -> None:
    for options, guesses in (([], True), (["--no-ngram-guesses"], False)):
        assert train("stream.txt", "--ngram=3", "--overwrite", *options).code == 0
        assert json.loads(run("info", "--json").out)["config"]["ngram_guesses"] is guesses
