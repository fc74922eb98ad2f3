"""A model of molecules (SMILES lines): unknown elements, cut samples, and patterns with brackets and backslashes."""

import json
import math
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Outcome

import charlm

Run = Callable[..., Outcome]
PARTS = ["C", "CC", "C(=O)", "c1ccccc1", "N", "O", "C(F)(F)F", "/C=C/", "/C=C\\", "[C@@H]", "[NH+]", "Cl", "C#N"]
NEW = ["CCO", "CN(=O)(P)O", "C[Se]C", "CC\\C=C/C", "C1CC"]  # P is unknown, and so is the e of Se


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    generator = random.Random(20)
    text = "".join(f"C{''.join(generator.choices(PARTS, k=4))}S\n" for _ in range(300))
    target = tmp_path_factory.mktemp("models") / "molecules"
    config = charlm.TrainConfig(steps=60, learning_rate=4e-3, batch_size=8, seq_len=32, threads=1)
    charlm.train(text, charlm.ModelConfig(hidden_size=16, layers=1, embedding_size=8), config, folder=target)
    return target


def objects(done: Outcome) -> list[dict[str, Any]]:
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.split("\n")[:-1]]


def test_an_unknown_element_does_not_end_the_list(run: Run, folder: Path, tmp_path: Path) -> None:
    """Each molecule has an object. One with an unknown character has probability 0, and a figure for the rest."""
    (tmp_path / "new.smi").write_text("".join(f"{molecule}\n" for molecule in NEW))
    values = objects(run("score", "-m", folder, "--file", "new.smi", "--json"))
    assert [value["text"] for value in values] == NEW
    assert [value["unknown"] for value in values] == [0, 1, 1, 0, 0]
    for value in values:
        assert math.isfinite(value["logprob_known"]) and value["logprob_known"] < 0
        known = [each for each in value["logprobs"] if each is not None]
        assert value["logprob_known"] == pytest.approx(sum(known))
        assert value["logprob"] == (None if value["unknown"] else pytest.approx(value["logprob_known"]))
    done = run("score", "-m", folder, "--file", "new.smi", "--json", "--unknown", "skip")
    assert "2 unknown left out; the first is 'P' (U+0050), character 8 of text 2" in done.err
    for value, text in zip(objects(done), [each.translate({80: None, 101: None}) for each in NEW], strict=True):
        assert value["logprob"] == pytest.approx(charlm.load(folder).score(text).logprob, abs=1e-4)


def test_a_sample_that_the_length_cuts_is_marked(run: Run, folder: Path) -> None:
    values = objects(run("sample", "-m", folder, "--count=60", "--length=12", "--seed=3", "--json"))
    assert len(values) == 60 and {value["stopped"] for value in values} == {"length", "eos"}
    for value in values:
        if value["stopped"] == "length":
            assert value["tokens"] == len(value["text"]) == 12
        else:
            assert value["tokens"] == len(value["text"]) + 1 <= 12


@pytest.mark.parametrize(
    "pattern",
    [r"C(c1ccccc1|\[C@@H\]|/C=C\\)[CNO()=]{0,8}", r"\[NH\+\][\\/\[\]]{2}", r"[^\]\\]{3}\\\[C@@H\]"],
)
def test_brackets_and_backslashes_of_a_pattern_are_those_of_re(run: Run, folder: Path, pattern: str) -> None:
    done = run("sample", "-m", folder, "--must-match", pattern, "--length=30", "--count=5", "--seed=1", "--quiet")
    samples = done.out.split("\n")[:-1]
    assert len(samples) == 5 and all(re.fullmatch(pattern, sample) for sample in samples)
