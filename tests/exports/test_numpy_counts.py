"""A model with counts in numpy alone: the program of its card gives the probabilities of `score`."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import LINES
from mixtures import TOKENS, set_any_gate, train_tiny

import charlm
from charlm.exports import export
from charlm.numpy_counts import MixedModel

SHAPE: dict[str, Any] = {
    **{"ngram": "5", "steps": 12, "hidden_size": 8, "layers": 2, "batch_size": 4, "seq_len": 8, "seed": 1},
}
KINDS: dict[str, dict[str, Any]] = {
    **TOKENS,
    "adaptive readout": {"tokenizer": "subword", "sequence": "line", "vocab_size": 276, "readout": "adaptive"},
    "shortlist": {"tokenizer": "char", "sequence": "line", "readout": "adaptive", "shortlist": 9},
    "dense layers": {"tokenizer": "char", "sequence": "line", "readout_layers": 2, "cell": "lstm"},
}
TEXTS = ["", "the cat sat", "a dog ran the", "sat"]


@pytest.fixture(scope="module", params=KINDS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = train_tiny(tmp_path_factory.mktemp("numpy") / "model", **KINDS[request.param], **SHAPE)
    model = charlm.load(path)
    set_any_gate(model)
    model.save(path, overwrite=True)
    return path


def scored(model: charlm.LanguageModel, read: MixedModel, text: str) -> list[float]:
    """Return log P of each token of a text, read by the program."""
    ids = [*model.tokenizer.encode(text).tolist(), *[model.tokenizer.EOS] * model.line]
    logprobs = read.log_probabilities([read.tokens[index] for index in ids if index > 2])
    np.testing.assert_allclose(np.exp(logprobs).sum(axis=1), 1, atol=1e-5)
    return [float(row[index]) for row, index in zip(logprobs, ids, strict=False)]


@pytest.mark.parametrize("text", TEXTS)
def test_the_program_gives_the_probabilities_of_score(folder: Path, text: str) -> None:
    model, read = charlm.load(folder), MixedModel(folder)
    expected = model.score(text)
    assert scored(model, read, text) == pytest.approx(expected.logprobs, abs=1e-5)
    alone = model.without_counts().score(text)
    assert not text or abs(alone.logprob - expected.logprob) > 0.1, "the counts matter"


def test_tokens_that_cannot_occur_have_no_probability(folder: Path) -> None:
    model, read = charlm.load(folder), MixedModel(folder)
    (row,) = read.log_probabilities([])
    assert (np.isinf(row) == ~model.network.allowed_tokens.numpy()).all()


ASK = "import sys, model; print(model.MixedModel('.').log_probabilities('the cat').tolist(), 'torch' in sys.modules)"


def test_the_exported_program_runs_without_charlm(tmp_path: Path) -> None:
    model = charlm.train(LINES, **SHAPE)
    result = export(model, "numpy", tmp_path / "model.py")
    names = [path.name for path in result.paths]
    assert names == ["model.py", "model.safetensors", "config.json", "tokenizer.json", "counts.safetensors"]
    assert sorted(names) == sorted(path.name for path in tmp_path.iterdir())
    assert "bits_lost_without_counts" not in result.values and not any("without" in each for each in result.notes)
    command = [sys.executable, "-I", "-W", "error", "-c", f"import sys; sys.path.insert(0, '.'); {ASK}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    logprobs, others = done.stdout.rsplit(maxsplit=1)
    assert others == "False"
    rows = json.loads(logprobs.replace("-inf", "-Infinity"))
    ids = [*model.tokenizer.encode("the cat"), model.tokenizer.EOS]
    assert [row[index] for row, index in zip(rows, ids, strict=True)] == pytest.approx(
        model.score("the cat").logprobs, abs=1e-5
    )


def test_the_card_has_the_program(folder: Path) -> None:
    (source,) = re.findall("^```python\n(.*?)^```$", (folder / "README.md").read_text(), flags=re.DOTALL | re.MULTILINE)
    assert "class MixedModel(Model):" in source and "import charlm" not in source and "from charlm" not in source
    loader: dict[str, Any] = {}
    exec(source, loader)
    read = loader["MixedModel"](folder)
    assert scored(charlm.load(folder), read, "the cat") == scored(charlm.load(folder), MixedModel(folder), "the cat")
