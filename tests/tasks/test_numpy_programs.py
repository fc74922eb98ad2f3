"""The programs in the cards of taggers, models of pairs and forecasters give charlm's answers with numpy alone."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_tasks

import charlm
from charlm import numpy_forecaster, numpy_tagger, numpy_translator
from charlm.examples import Series

# What the program of each task is asked, and the same question to charlm.
ASKED = {
    "tag": ("Tagger('m').tags([['Clay'], ['Green'], ['has']])", lambda m: list(m.predict(["Clay Green has"])[0].tags)),
    "pair": ("' '.join(Translator('m').answer('abc'))", lambda m: m.predict(["abc"], beam=1)[0].target),
    "series": (
        "Forecaster('m').forecast('2', 3).round(3).tolist()",
        lambda m: m.predict(horizon=3)[1].forecast.values.round(3).tolist(),
    ),
}


def trained(kind: str, folder: Path, steps: int = 8, **settings: Any) -> Any:
    values = {**small_tasks.settings_of(kind), **settings}
    return charlm.train(small_tasks.write(kind, folder), steps=steps, folder=folder / "m", **values)


@pytest.mark.parametrize(
    "settings",
    [
        {"layers": 2, "residual": True},
        {"cell": "lstm", "bidirectional": False, "readout_layers": 2},
        {"cell": "jordan", "tokenizer": "char"},
        {"tokenizer": "byte"},
        {"features": "none"},
    ],
    ids=str,
)
def test_a_tagger(tmp_path: Path, settings: dict[str, Any]) -> None:
    model = trained("tag", tmp_path, **settings)
    read = numpy_tagger.Tagger(tmp_path / "m")
    for sentence in ("Clay Green has 3 hens", "Basil", ""):
        words: list[Sequence[str | int]] = list(sentence.split())
        if settings.get("tokenizer") == "byte":
            words = [word.encode() for word in sentence.split()]
        elif "tokenizer" not in settings:
            words = [[word] for word in sentence.split()]
        (logprobs,) = model.log_probabilities([sentence.split()])
        np.testing.assert_allclose(read.probabilities(words), np.exp(logprobs).reshape(-1, 3), atol=1e-5)
        assert read.tags(words) == list(model.predict([sentence])[0].tags)


@pytest.mark.parametrize("scheme", ["plain", "IOB1", "IOB2", "IOBES", "BILOU"])
def test_the_tags_that_a_scheme_allows(tmp_path: Path, scheme: str) -> None:
    from charlm.measures.schemes import Scheme, may_follow

    read = object.__new__(numpy_tagger.Tagger)
    read.scheme = scheme
    tags = ["O", *(f"{prefix}-{kind}" for prefix in "BIESLU" for kind in ("A", "B")), "B", "I"]
    for tag in tags:
        for before in tags:
            assert read.may_follow(tag, before) == may_follow(Scheme(scheme), tag, before), (tag, before)


@pytest.mark.parametrize(
    "settings",
    [
        {"layers": 2, "residual": True},
        {"cell": "lstm", "bidirectional": False, "readout_layers": 2},
        {"cell": "jordan", "attention": False},
        {"cell": "minlstm", "tokenizer": "byte", "embedding": "one-hot"},
    ],
    ids=str,
)
def test_a_model_of_pairs(tmp_path: Path, settings: dict[str, Any]) -> None:
    model = trained("pair", tmp_path, **settings)
    read = numpy_translator.Translator(tmp_path / "m")
    for source, target in (("abc", "a b c !"), ("c", ""), ("", "b"), ("abc" * 20, "c b")):
        texts = [source.encode(), target.encode()] if "embedding" in settings else [source, target.split()]
        assert read.log_probability(*texts) == pytest.approx(model.score([(source, target)])[0], abs=1e-4)
        answer = read.answer(texts[0])
        text = bytes(map(int, answer)).decode() if "embedding" in settings else " ".join(map(str, answer))
        assert text == model.predict([source], beam=1)[0].target


@pytest.mark.parametrize(
    "settings", [{}, {"cell": "lstm", "layers": 2, "season": 4, "density": "gaussian"}, {"cell": "jordan", "season": 4}]
)
def test_a_forecaster(tmp_path: Path, settings: dict[str, Any]) -> None:
    model = trained("series", tmp_path, horizon=4, seq_len=8, **settings)
    read = numpy_forecaster.Forecaster(tmp_path / "m")
    for answer in model.predict(horizon=6):
        np.testing.assert_allclose(read.forecast(answer.name, 6), answer.forecast.values, atol=1e-4)


def test_a_forecaster_with_inputs(tmp_path: Path) -> None:
    model = trained("inputs", tmp_path, cell="rnn", activation="identity")
    inputs = np.array([[3.0], [1.0], [5.0]])
    (answer,) = model.predict([Series("y", ("1", "2", "3"), np.zeros(3), inputs)])
    read = numpy_forecaster.Forecaster(tmp_path / "m")
    np.testing.assert_allclose(read.answers(inputs.tolist()), answer.forecast.values, atol=1e-4)


@pytest.mark.parametrize("kind", ASKED)
def test_the_program_in_the_card_needs_neither_charlm_nor_torch(tmp_path: Path, kind: str) -> None:
    question, ask = ASKED[kind]
    model = trained(kind, tmp_path)
    program = re.findall(r"```python\n(.*?)```", (tmp_path / "m" / "README.md").read_text(), re.DOTALL)[-1]
    assert "import charlm" not in program and "from charlm" not in program
    (tmp_path / "program.py").write_text(
        f"{program}\nimport sys\nprint(json.dumps([{question}, 'torch' in sys.modules]))"
    )
    command = [sys.executable, "-I", "program.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [pytest.approx(ask(model), abs=2e-3) if kind == "series" else ask(model), False]
