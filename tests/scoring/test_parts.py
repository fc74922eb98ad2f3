"""Network alone, counts alone, both: the three figures of `evaluate`, of a run, and of everything that shows them."""

import io
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import LINES, STREAM, Outcome
from mixtures import set_any_gate, trained_only
from rich.console import Console

import charlm
from charlm.cli.view.training_view import TrainingView
from charlm.comparison.long_documents import evaluate_documents
from charlm.data.documents import Document
from charlm.nn.mixed import MixedNetwork
from charlm.scoring.evaluation import Evaluation, MixedEvaluation
from charlm.tasks.text.dataset import TextDataset
from charlm.training.events import Event, Finished, Validated

Run = Callable[..., Outcome]
SHAPE: dict[str, Any] = {
    **{"ngram": "4", "steps": 10, "hidden_size": 8, "layers": 1, "batch_size": 4, "seq_len": 8, "seed": 1},
    "valid_fraction": 0.3,
}
KINDS = [("char", "line"), ("char", "stream"), ("byte", "stream"), ("word", "line"), ("subword", "line")]
TEXTS = {"line": "the cat ran\na cat sat\n", "stream": STREAM[1000:1400]}


@pytest.fixture(scope="module", params=KINDS, ids=" ".join)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    tokenizer, sequence = request.param
    path = tmp_path_factory.mktemp("parts") / f"{tokenizer}-{sequence}"
    corpus = path.with_suffix(".txt")
    more = {"vocab_size": 276} if tokenizer == "subword" else {}
    corpus.write_text(LINES if sequence == "line" else STREAM[:3000])
    with trained_only():
        charlm.train(corpus, folder=path, tokenizer=tokenizer, sequence=sequence, **more, **SHAPE)
    return path


def counts_alone(model: charlm.LanguageModel, text: str) -> float:
    """Return minus log P of a text by the counts, sequence by sequence."""
    assert isinstance(model.network, MixedNetwork)
    sequences = text.splitlines() if model.line else [text]
    rows = [model.tokenizer.sequence(model.tokenizer.encode(each), eos=model.line) for each in sequences]
    return -sum(float(each.sum()) for each in model.network.counts.log_probabilities(rows))


@pytest.mark.parametrize("window", [None, 16])
def test_each_part_has_the_figure_that_it_has_alone(folder: Path, window: int | None) -> None:
    model = charlm.load(folder)
    if model.line and window:
        pytest.skip("windows cut running text")
    text = TEXTS[model.mode]
    evaluation = model.evaluate(text, window=window)
    assert isinstance(evaluation, MixedEvaluation) and list(evaluation.by_part) == ["network", "counts"]
    network, counts = evaluation.by_part.values()
    assert network.nats == pytest.approx(model.without_counts().evaluate(text, window=window).nats, rel=1e-5)
    if window is None:
        assert counts.nats == pytest.approx(counts_alone(model, text), rel=1e-5)
    assert evaluation.nats < network.nats + math.log(2) * evaluation.tokens
    assert evaluation.parts == {"network": network.bits_per_char, "counts": counts.bits_per_char}


def test_parts_add_up_and_a_long_text_has_them_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = charlm.load(folder)
    one, two = model.evaluate_many([TEXTS[model.mode], TEXTS[model.mode][:12]])
    total = Evaluation.total([one, two])
    assert isinstance(total, MixedEvaluation) and isinstance(one, MixedEvaluation) and isinstance(two, MixedEvaluation)
    assert total.counts_nats == pytest.approx(one.counts_nats + two.counts_nats)
    assert total.network_known_nats == pytest.approx(one.network_known_nats + two.network_known_nats)
    (read,) = evaluate_documents(model, [Document("text", TEXTS[model.mode])])
    for name, value in vars(one).items():
        assert getattr(read, name) == (value if value is None else pytest.approx(value, rel=1e-6))


def test_a_state_keeps_them(folder: Path) -> None:
    """A run that is resumed has the figures of its best network from JSON."""
    model = charlm.load(folder)
    evaluation = model.evaluate(TEXTS[model.mode])
    read = TextDataset.metrics_from(None, json.loads(json.dumps(vars(evaluation))))  # type: ignore[arg-type]
    assert read == evaluation and type(read) is MixedEvaluation


def test_unknown_characters_are_left_out_of_each_part(folder: Path) -> None:
    model = charlm.load(folder)
    text = "a ☃ sat\nthe cat\n" if model.line else "And ☃ the word"
    evaluation = model.evaluate(text)
    if not evaluation.unknown:
        return  # pieces and bytes know every character
    for part in evaluation.by_part.values():
        assert math.isfinite(part.known_nats) and part.known_nats < part.nats
        assert part.bits_per_char is None and part.bits_per_char_known is not None


def test_the_command_prints_three_figures(folder: Path, run: Run) -> None:
    values = json.loads(run("evaluate", "-m", folder, "--held-out", "--json").out)
    parts = values["parts"]
    assert list(parts) == ["network", "counts", "both"]
    keys = ("nats_per_token", "bits_per_char", "bits_per_byte", "perplexity")
    assert {key: values[key] for key in keys} == parts["both"]
    shown = run("evaluate", "-m", folder, "--held-out").out
    figures = re.search(r"bits per character: network alone (\S+), counts alone (\S+), both (\S+)\n", shown)
    assert figures is not None
    expected = [parts[name]["bits_per_char"] for name in parts]
    assert [float(each) for each in figures.groups()] == pytest.approx(expected, abs=1e-4)


def test_training_shows_what_evaluate_prints(folder: Path, run: Run) -> None:
    """Its lines, its metrics, the model card and `info` have the figures of `evaluate --held-out`."""
    parts = json.loads(run("evaluate", "-m", folder, "--held-out", "--json").out)["parts"]
    valid = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])["valid"]
    described = json.loads(run("info", folder, "--json").out)["validation"]
    for name in ("network", "counts"):
        bits = parts[name]["bits_per_char"]
        assert valid[f"{name}_bits_per_char"] == pytest.approx(bits, rel=1e-6)
        assert described[f"{name}_bits_per_char"] == valid[f"{name}_bits_per_char"]
        assert re.search(rf"bits/char .*{name} alone {bits:.4f}", run("info", folder).out)
        assert f"{name} alone {bits:.4f}" in (folder / "README.md").read_text()


def test_events_and_the_view_show_them() -> None:
    events: list[Event] = []
    with trained_only():
        charlm.train(LINES, report=events.append, **SHAPE)
    (validated,) = (event for event in events if isinstance(event, Validated))
    (finished,) = (event for event in events if isinstance(event, Finished))
    network, counts = (f"{bits:.3f}" for bits in validated.evaluation.parts.values())
    both = f"{validated.evaluation.headline:.3f}"
    assert f"{both} bits/char (network {network}, counts {counts})" in str(validated)
    assert f"{both} bits per character (network alone {network}, counts alone {counts})" in str(finished)
    view = TrainingView()
    for event in events:
        view.update(event)
    for width in (60, 120):
        written = io.StringIO()
        Console(width=width, height=40, file=written).print(view)
        lines = written.getvalue().splitlines()
        valid = next(index for index, line in enumerate(lines) if line.startswith(f"valid  {both} bits/char"))
        assert lines[valid + 1].rstrip() == f"       network alone {network}, counts alone {counts}"


def test_a_network_without_counts_has_one_figure(line_folder: Path, run: Run, tmp_path: Path) -> None:
    model = charlm.load(line_folder)
    evaluation = model.evaluate(TEXTS["line"])
    assert type(evaluation) is Evaluation and evaluation.parts == {} and not {"parts"} & set(vars(evaluation))
    text = tmp_path / "text"
    text.write_text(TEXTS["line"])
    assert "parts" not in json.loads(run("evaluate", "-m", line_folder, text, "--json").out)
    assert "alone" not in run("evaluate", "-m", line_folder, text).out
    mixed = charlm.train(LINES, **SHAPE)
    set_any_gate(mixed)
    adapted = mixed.adapted("dynamic").evaluate(TEXTS["line"])
    assert type(adapted) is Evaluation
