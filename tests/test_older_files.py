"""Folders that charlm 0.1.0 (commit 8ab4a2f) wrote: its models load, and its interrupted runs resume."""

import shutil
from pathlib import Path

import pytest
import torch
from reference import corpora
from safetensors.torch import load_file

import charlm
from charlm.checkpoints.checkpoint import describe

FIXTURES = Path(__file__).parent / "fixtures"
NAMES = sorted(folder.name for folder in (FIXTURES / "models").iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_a_model_of_an_older_version_loads(name: str) -> None:
    model = charlm.load(FIXTURES / "models" / name)
    score = model.score("cats average 15 hours")
    assert score.logprob < 0 and len(score.tokens) == len(score.logprobs)
    assert model.sample(seed=1, length=5, count=2)


@pytest.mark.parametrize("name", NAMES)
def test_a_run_of_an_older_version_resumes_and_ends_with_the_same_weights(name: str, tmp_path: Path) -> None:
    """The weights are equal to a tolerance, as another processor wrote the fixture."""
    folder = shutil.copytree(FIXTURES / "runs" / name, tmp_path / name)
    (tmp_path / "text").write_text(corpora()[name.split("-")[0]][:3000])
    charlm.train(tmp_path / "text", folder=folder, resume=True)
    expected = load_file(FIXTURES / "models" / name / "model.safetensors")
    resumed = load_file(folder / "model.safetensors")
    assert resumed.keys() == expected.keys()
    for tensor, value in expected.items():
        torch.testing.assert_close(resumed[tensor], value, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_of_an_older_version_is_trained_on(name: str, tmp_path: Path) -> None:
    folder = shutil.copytree(FIXTURES / "models" / name, tmp_path / name)
    (tmp_path / "text").write_text(corpora()[name.split("-")[0]][:3000])
    before = describe(folder)
    charlm.train(tmp_path / "text", config=charlm.TrainConfig(steps=12), folder=folder, resume=True)
    after = describe(folder)
    assert (before["steps"], after["steps"]) == (6, 12) and after["step"] > 6
    assert after["validation"]["nats_per_token"] < before["validation"]["nats_per_token"]
