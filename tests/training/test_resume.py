"""A run that is cut short and taken up again is the run that never was."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import QUICK, SMALL, STREAM
from reference_run import ending, metrics

import charlm
from charlm.checkpoints.model_folder import WEIGHTS, unfinished
from charlm.cli.remedies import sentence
from charlm.tokenizers.byte import ByteTokenizer
from charlm.tokenizers.char import CharTokenizer
from charlm.training.events import Event, Resumed
from charlm.training.learner import Learner

STEPS = 40


def plan(**changes: object) -> charlm.Plan:
    shape = replace(SMALL, sequence="stream", **changes)  # type: ignore[arg-type]
    return charlm.Plan(shape, replace(QUICK, save_every=0.0), steps=STEPS, validations=4)


@pytest.fixture
def stop_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Make training stop as by Ctrl-C just before the step that follows so many."""
    whole = Learner.backward

    def stop(step: int) -> None:
        monkeypatch.setattr(Learner, "backward", ending(whole, step))

    yield stop
    monkeypatch.setattr(Learner, "backward", whole)


def test_a_run_goes_on_with_its_own_vocabulary_alone(
    tmp_path: Path, stop_at: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one it was given has to be given again; where none was given none is taken."""
    its, other = CharTokenizer("".join(sorted(set(STREAM)))), ByteTokenizer()
    stop_at(3)
    for name, given in (("given", its), ("learned", None)):
        with pytest.raises(KeyboardInterrupt):
            charlm.train(STREAM, plan=plan(dropout=0.0), tokenizer=given, folder=tmp_path / name)
    monkeypatch.undo()
    for name, tokenizer, mend in (
        ("given", other, "another vocabulary; give that one with --tokenizer-file"),
        ("given", None, "give it again with --tokenizer-file"),
        ("learned", its, "learned its own vocabulary; leave --tokenizer-file out"),
    ):
        with pytest.raises(charlm.ConfigError) as refused:
            charlm.train(STREAM, folder=tmp_path / name, tokenizer=tokenizer, resume=True)
        assert mend in sentence(refused.value)
    for name, tokenizer in (("given", its), ("learned", None)):
        charlm.train(STREAM, folder=tmp_path / name, tokenizer=tokenizer, resume=True)
        assert unfinished(tmp_path / name) is None


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_weights_and_metrics_are_those_of_the_run_that_was_not_stopped(
    tmp_path: Path, stop_at: Callable[[int], None], cell: str, dropout: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed = plan(cell=cell, dropout=dropout)
    charlm.train(STREAM, plan=followed, folder=tmp_path / "whole")
    for stop in (3, 7, 25, 39):
        stop_at(stop)
        with pytest.raises(KeyboardInterrupt):
            charlm.train(STREAM, plan=followed, folder=tmp_path / f"m{stop}")
        monkeypatch.undo()
        events: list[Event] = []
        charlm.train(STREAM, folder=tmp_path / f"m{stop}", resume=True, report=events.append)
        assert [each.step for each in events if isinstance(each, Resumed)] == [stop]
        for name in (WEIGHTS, "config.json", "tokenizer.json", "plan.json"):
            assert (tmp_path / f"m{stop}" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
        assert metrics(tmp_path / f"m{stop}") == metrics(tmp_path / "whole")
        assert unfinished(tmp_path / f"m{stop}") is None
