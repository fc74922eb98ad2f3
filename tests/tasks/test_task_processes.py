"""Two processes that share the batches of a model that answers questions give the model of one."""

import json
import sys
from pathlib import Path
from typing import Any

import process_ranks as ranks
import pytest
import small_tasks
import torch

import charlm
from charlm.checkpoints.checkpoint import describe
from charlm.plan import read_plan

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are forked")


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("classify", {}),
        ("classify", {"multi_label": True}),
        ("classify", {"class_weights": "fruit:3", "pooling": "concat"}),
        ("tag", {"features": "none"}),  # with features, each process hides other ones by chance
        ("pair", {}),
        ("pair", {"attention": False}),
        ("series", {"horizon": 4, "season": 4, "seq_len": 16}),
        ("inputs", {"seq_len": 16, "density": "gaussian"}),
    ],
)
def test_two_processes_follow_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, settings: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    file = small_tasks.write(kind, tmp_path).name
    charlm.train(file, steps=20, batch_size=7, folder="first", **small_tasks.settings_of(kind), **settings)
    plan = read_plan(tmp_path / "first" / "plan.json")
    ranks.train(file, plan, tmp_path / "one")
    ended = ranks.together(2, tmp_path, ranks.train, file, plan, tmp_path / "two")
    assert ended.codes == [0, 0], ended.err
    expected = json.loads((tmp_path / "losses").read_text())
    assert expected[-1] < expected[0]
    for rank in range(2):
        assert json.loads((tmp_path / f"losses{rank}").read_text()) == pytest.approx(expected, abs=1e-4)
    one, two = (charlm.load(tmp_path / name).network.state_dict() for name in ("one", "two"))
    for name, weights in one.items():
        torch.testing.assert_close(two[name], weights, atol=1e-3, rtol=0, msg=name)
    figures = [describe(tmp_path / name)["validation"] for name in ("one", "two")]
    assert figures[1] == pytest.approx(figures[0], abs=1e-3, nan_ok=True)
