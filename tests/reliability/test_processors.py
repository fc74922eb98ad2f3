"""Threads and processors change the time, not the result: more threads than cores, one core, a senseless variable."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import LINES, QUICK, SMALL

import charlm
from charlm.nn.native.threads import use_threads

TEXTS = ["the cat ran", "a dog slept", "the cats sat", "zebra"]
# What another process computes, on one processor.
PROGRAM = """
import json, os, sys
from pathlib import Path
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import torch, charlm
from test_processors import trained, values
print(json.dumps([torch.get_num_threads(), values(charlm.load(sys.argv[1])), trained()]))
"""


def values(model: charlm.LanguageModel) -> list[Any]:
    """Samples, and the log-probabilities of texts and of a whole evaluation."""
    samples = [each.text for each in model.sample(count=20, seed=5, temperature=0.8, length=20)]
    scores = [each.logprob or 0.0 for each in model.score_many(TEXTS * 16)]
    return [samples, scores, model.evaluate(LINES).nats_per_token]


def trained() -> list[float]:
    """The weights of a training with two threads."""
    shape = replace(SMALL, layers=2, dropout=0.2)
    network = charlm.train(LINES, shape, replace(QUICK, steps=6, threads=2)).network
    return [float(number) for each in network.parameters() for number in each.detach().flatten()]


@pytest.fixture(params=[2, 8])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    use_threads(request.param)
    yield request.param
    use_threads(1)


def test_a_number_of_threads_changes_no_sample_and_no_score(line_model: charlm.LanguageModel, threads: int) -> None:
    """Also more of them than this machine has cores."""
    assert torch.get_num_threads() == threads
    found = values(line_model)
    use_threads(1)
    expected = values(line_model)
    assert found[0] == expected[0]
    assert found[1] == pytest.approx(expected[1], abs=1e-4)
    assert found[2] == pytest.approx(expected[2], abs=1e-6)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_one_processor_and_a_senseless_number_of_threads_give_the_same(line_folder: Path) -> None:
    variables = {"OMP_NUM_THREADS": "abc", "MKL_NUM_THREADS": "0", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(line_folder)], env={**os.environ, **variables}, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    count, (samples, scores, nats), weights = json.loads(done.stdout)
    assert count == 1
    expected = values(charlm.load(line_folder))
    assert samples == expected[0]
    assert scores == pytest.approx(expected[1], abs=1e-4)
    assert nats == pytest.approx(expected[2], abs=1e-6)
    assert weights == trained()
