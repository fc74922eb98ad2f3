"""Two processes that share the batches of a classifier give the model of one."""

import json
import sys
from pathlib import Path
from typing import Any

import process_ranks as ranks
import pytest
import torch

import charlm
from charlm.checkpoints.checkpoint import describe
from charlm.plan import read_plan

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are forked")

THINGS = "".join(f"__label__{label} the {thing} {n}\n" for n in range(12) for label, thing in
                 [("fruit", "ripe plum"), ("beast", "quick fox"), ("fruit", "pear"), ("beast", "old hen")])  # fmt: skip


@pytest.mark.parametrize("settings", [{}, {"multi_label": True}, {"class_weights": "fruit:3", "pooling": "concat"}])
def test_two_processes_follow_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "things").write_text(THINGS)
    shape = {"hidden_size": 12, "layers": 1, "dropout": 0.0, "batch_size": 7, "threads": 1, "precision": "float32"}
    charlm.train("things", steps=20, folder="first", **shape, **settings)  # type: ignore[arg-type]
    plan = read_plan(tmp_path / "first" / "plan.json")
    ranks.train("things", plan, tmp_path / "one")
    ended = ranks.together(2, tmp_path, ranks.train, "things", plan, tmp_path / "two")
    assert ended.codes == [0, 0], ended.err
    expected = json.loads((tmp_path / "losses").read_text())
    assert expected[-1] < expected[0]
    for rank in range(2):
        assert json.loads((tmp_path / f"losses{rank}").read_text()) == pytest.approx(expected, abs=1e-4)
    one, two = (charlm.load(tmp_path / name).network.state_dict() for name in ("one", "two"))
    for name, weights in one.items():
        torch.testing.assert_close(two[name], weights, atol=1e-3, rtol=0, msg=name)
    figures = [describe(tmp_path / name)["validation"] for name in ("one", "two")]
    assert figures[0]["examples"] == figures[1]["examples"]
    assert figures[1]["accuracy"] == pytest.approx(figures[0]["accuracy"])
