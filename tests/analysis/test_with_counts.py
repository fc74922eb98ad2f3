"""What looks into a network leaves the counts beside it out, and says so."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import LINES, TINY, Outcome
from mixtures import trained_only

import charlm
from charlm.exports import export

Run = Callable[..., Outcome]
SENTENCE = "the network alone is examined, without the counts beside it"
TEXT = "the cat sat the dog ran"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("examined") / "mixed"
    settings: dict[str, Any] = {"hidden_size": 8, "layers": 1, "batch_size": 4, "seq_len": 8, "seed": 1}
    with trained_only():
        charlm.train(LINES, folder=path, ngram="4", steps=20, **settings)
    return path


@pytest.mark.parametrize("command", [["why", TEXT], ["neurons", TEXT], ["gradients", TEXT]], ids=lambda each: each[0])
def test_a_command_examines_the_network_and_says_it_once(run: Run, folder: Path, command: list[str]) -> None:
    charlm.load(folder).without_counts().save("checkpoints/alone")  # type: ignore[attr-defined]
    mixed, alone = (run(*command, "-m", each, "--json") for each in (folder, "alone"))
    assert mixed.code == 0 and mixed.err.count(SENTENCE) == 1 and SENTENCE not in alone.err
    values, expected = (json.loads(each.out.splitlines()[0]) for each in (mixed, alone))
    if command[0] == "why":
        assert values["deletion"] == expected["deletion"] and values["logprobs"] == expected["logprobs"]
    assert values == expected
    assert SENTENCE not in run(*command, "-m", folder, "--json", "--quiet").err


@pytest.mark.parametrize("name", ["onnx", "html"])
def test_a_file_of_the_network_alone_says_what_that_loses(folder: Path, tmp_path: Path, name: str) -> None:
    if name == "onnx":
        pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    result = export(charlm.load(folder), name, tmp_path / "file")
    assert result.values["bits_lost_without_counts"] > 0
    (note,) = (each for each in result.notes if "without the counts" in each)
    assert f"loses {result.values['bits_lost_without_counts']:.5f} bits per token" in note


def test_the_report_has_the_three_figures(run: Run) -> None:
    Path("corpus.txt").write_text(LINES)
    run("train", "corpus.txt", *TINY, "--steps=200", "--model=m", "--ngram=2", "--quiet")
    assert run("report", "-m", "m").code == 0
    page = Path("checkpoints/m/report.html").read_text()
    assert "by the network alone" in page and "by the counts alone" in page
    assert "The counts beside the network have no vectors." in page
