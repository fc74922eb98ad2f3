"""`charlm train --tensorboard`: what training tells, as events."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import LINES, TINY, Outcome

import charlm
from charlm.training import tensorboard
from charlm.training.events import Event, Previewed, Progress, Validated

Run = Callable[..., Outcome]


class Kept:
    """A writer that keeps what it is given."""

    def __init__(self) -> None:
        self.scalars: dict[str, dict[int, float]] = {}
        self.texts: dict[str, dict[int, str]] = {}
        self.closed = False

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        steps = self.scalars.setdefault(tag, {})
        assert global_step not in steps, "each step once"
        steps[global_step] = scalar_value

    def add_text(self, tag: str, text_string: str, global_step: int) -> None:
        self.texts.setdefault(tag, {})[global_step] = text_string

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def train(run: Run) -> Run:
    Path("lines.txt").write_text(LINES)
    return lambda *arguments: run("train", "lines.txt", *TINY, "--steps=20", "--tensorboard", *arguments)


def test_every_figure_that_is_told_is_an_event(train: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, asked, told = Kept(), [], list[Event]()

    def writer(folder: Path, fresh: bool) -> Kept:
        asked.append((folder, fresh))
        return kept

    class Events(tensorboard.Events):
        def __call__(self, event: Event) -> None:
            told.append(event)
            super().__call__(event)

    monkeypatch.setattr(tensorboard, "writer", writer)
    monkeypatch.setattr(tensorboard, "Events", Events)
    done = train()
    assert done.code == 0 and kept.closed and asked == [(Path("runs/lines"), True)]
    assert f"tensorboard --logdir {Path('runs')}" in done.err
    (valid,) = (event for event in told if isinstance(event, Validated))
    assert kept.scalars["loss/held out"] == {20: valid.evaluation.known_nats_per_token}
    figures = {each.step: each for each in told if isinstance(each, Progress)} | {20: valid.progress}
    for tag, name in (("loss/training", "loss"), ("run/gradient norm", "gradient_norm")):
        assert kept.scalars[tag] == {step: getattr(each, name) for step, each in figures.items()}
    drawn = {each.step for each in told if isinstance(each, Previewed)} | {20}
    assert set(kept.texts["sample 1"]) == drawn
    assert kept.texts["sample 1"][20].replace("    ", "", 1) == valid.previews[0]


def test_a_sample_cannot_become_markup_there() -> None:
    kept = Kept()
    tensorboard.Events(kept)(Previewed(3, ("# <b>\n[x](y)",)))
    assert kept.texts == {"sample 1": {3: "    # <b>\n    [x](y)"}}


def test_without_the_package_it_says_so_before_it_trains(train: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    done = train("--quiet")
    assert (done.code, done.out) == (2, "")
    assert "is not installed; run pip install tensorboard, or leave" in done.err and done.err.count("\n") == 1
    assert not Path("checkpoints/lines").exists()


@pytest.mark.filterwarnings("ignore")
def test_the_package_reads_what_was_written(train: Run) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert train().code == 0
    assert train("--overwrite").code == 0
    found: Any = EventAccumulator("runs/lines")
    found.Reload()
    (held_out,) = found.Scalars("loss/held out")
    metrics = charlm.load("checkpoints/lines").config
    assert metrics.cell == "gru" and held_out.step == 20
