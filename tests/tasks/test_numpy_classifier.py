"""The program in the card of a classifier gives charlm's probabilities with numpy alone."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import charlm
from charlm import numpy_classifier

THINGS = "".join(f"__label__{label} the {thing} {n}\n" for n in range(8) for label, thing in
                 [("fruit", "ripe plum"), ("beast", "quick fox"), ("fruit", "pear"), ("metal", "iron")])  # fmt: skip
TEXTS = ["the plum", "", "a fox and § 7", "x" * 2500, " The\u3000QUICK\n\nİ \0 fox", "the pear " * 1200]


def trained(folder: Path, **settings: Any) -> charlm.Classifier:
    (folder / "things").write_text(THINGS)
    model = charlm.train(folder / "things", steps=6, hidden_size=8, threads=1, folder=folder / "m", **settings)
    assert isinstance(model, charlm.Classifier)
    return model


@pytest.mark.parametrize(
    "settings",
    [
        {"layers": 2, "residual": True},
        {"layers": 1, "cell": "lstm", "pooling": "concat", "readout_layers": 2},
        {"layers": 1, "cell": "jordan", "pooling": "last", "bidirectional": False},
        {"layers": 1, "cell": "mingru", "pooling": "max", "embedding": "one-hot"},
        {"layers": 1, "cell": "gru-cho", "pooling": "mean", "tokenizer": "byte"},
        {"layers": 1, "multi_label": True},
        {"layers": 1, "features": "none"},
    ],
    ids=str,
)
def test_numpy_alone_gives_the_probabilities(tmp_path: Path, settings: dict[str, Any]) -> None:
    model = trained(tmp_path, **settings)
    read = numpy_classifier.Classifier(tmp_path / "m")
    for text, answer in zip(TEXTS, model.predict(TEXTS), strict=True):
        tokens = text.encode() if settings.get("tokenizer") == "byte" else text
        assert read.probabilities(tokens) == pytest.approx(answer.probabilities, abs=1e-5)


def test_the_program_in_the_card_needs_neither_charlm_nor_torch(tmp_path: Path) -> None:
    model = trained(tmp_path, layers=1)
    card = (tmp_path / "m" / "README.md").read_text()
    program = re.findall(r"```python\n(.*?)```", card, re.DOTALL)[-1]
    ask = "import sys\nprint(list(Classifier('m').probabilities('the plum').items()), 'torch' in sys.modules)"
    (tmp_path / "program.py").write_text(f"{program}\n{ask}\n")
    command = [sys.executable, "-I", "program.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "import charlm" not in program and done.stdout.endswith("False\n")
    (answer,) = model.predict(["the plum"])
    shares = dict(re.findall(r"\('(\w+)', ([\d.e-]+)\)", done.stdout))
    np.testing.assert_allclose([float(shares[label]) for label in model.labels],
                               [answer.probabilities[label] for label in model.labels], atol=1e-5)  # fmt: skip
