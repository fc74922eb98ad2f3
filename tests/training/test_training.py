"""`charlm.train`, the library call: what it takes, what it tells, and which model it gives back."""

import math
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import LINES, QUICK, SMALL, STREAM

import charlm
from charlm.analysis.run_log import read_log
from charlm.cli.remedies import sentence
from charlm.data.documents import Document
from charlm.data.split import hold_out
from charlm.plan import read_plan
from charlm.registry import names
from charlm.training.events import Finished, Planned, Progress, Revised, Validated

STREAM_SHAPE = replace(SMALL, sequence="stream", dropout=0.0)
FAST = replace(QUICK, steps=4)


def plan(steps: int = 40, validations: int = 8, *revisions: tuple[int, int], **train: Any) -> charlm.Plan:
    return charlm.Plan(STREAM_SHAPE, replace(QUICK, **train), steps, validations, revisions)


def events_of(source: Any, *arguments: Any, **settings: Any) -> tuple[charlm.LanguageModel, list[Any]]:
    events: list[Any] = []
    return charlm.train(source, *arguments, report=events.append, **settings), events


def of(kind: type[Any], events: list[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def weights(model: charlm.LanguageModel) -> dict[str, list[float]]:
    return {name: tensor.tolist() for name, tensor in model.network.state_dict().items()}


@pytest.mark.parametrize("cell", names("nn.cells"))
def test_every_cell_learns_what_needs_a_memory(cell: str) -> None:
    """aab aab …: after an a comes an a or a b, depending on what was before it. Without memory, 0.46 nats at best."""
    shape = replace(STREAM_SHAPE, cell=cell, layers=2, residual=True, readout_layers=2)
    model = charlm.train("aab" * 400 + "\n", shape, replace(QUICK, steps=40, learning_rate=0.03))
    assert model.evaluate("aab" * 100).nats_per_token < 0.2


def test_a_text_a_path_and_a_list_of_paths_are_the_same_corpus(tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_text(STREAM)
    expected = weights(charlm.train(STREAM, SMALL, FAST))
    for source in (path, str(path), [path], [str(path)]):
        assert weights(charlm.train(source, SMALL, FAST)) == expected


def test_several_files_are_several_texts_each_with_an_end(tmp_path: Path) -> None:
    """The end of one file is a training target; that of a single one, whose rest is held out, is not."""
    for name in ("a", "b"):
        (tmp_path / name).write_text(STREAM)
    one = charlm.train([tmp_path / "a"], SMALL, FAST)
    two = charlm.train([tmp_path / "a", tmp_path / "b"], SMALL, FAST)
    end = one.tokenizer.EOS
    assert {each.id: each.probability for each in one.next_token_probabilities("In")}[end] == 0
    assert {each.id: each.probability for each in two.next_token_probabilities("In")}[end] > 0


def test_a_string_without_a_newline_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("corpus.txt").write_text(STREAM)
    with pytest.raises(charlm.CorpusNotFoundError, match=r"corpus\.txt"):
        charlm.train("corpus.tx", SMALL, FAST)


def test_nothing_is_printed_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    charlm.train(STREAM, SMALL, FAST).sample(seed=1, length=3)
    assert capfd.readouterr() == ("", "")
    assert os.listdir(tmp_path) == []


def test_the_process_is_left_as_it_was() -> None:
    threads = torch.get_num_threads()
    torch.manual_seed(5)
    expected = torch.rand(3).tolist()
    torch.manual_seed(5)
    charlm.train(STREAM, SMALL, replace(FAST, threads=1))
    assert torch.rand(3).tolist() == expected, "its random numbers are its own"
    assert torch.get_num_threads() == threads
    assert (torch.tensor(1e-42) * torch.tensor(1.0)).item() > 0, "denormals count again"


def test_it_tells_the_plan_first_then_how_it_goes_and_the_end_last() -> None:
    model, events = events_of(STREAM, plan=plan())
    told = events[0]
    assert isinstance(told, Planned) and isinstance(events[-1], Finished)
    assert not of(Planned, events[1:]) and not of(Finished, events[:-1])
    assert told.about.facts["characters"] == len(STREAM)
    assert told.about.facts["vocabulary"] == len(set(STREAM)) + 3
    assert told.parameters == events[-1].parameters == sum(each.numel() for each in model.network.parameters())
    assert [event.progress.step for event in of(Validated, events)] == [5, 10, 15, 20, 25, 30, 35, 40]
    assert events[-1].steps == 40


def test_the_model_given_back_is_the_best_by_validation_not_the_last() -> None:
    """Learning that b is rare is learning the wrong thing for a held-out text that has nothing else."""
    model, events = events_of("aaaaaaaaab\n" * 50, SMALL, QUICK, valid="bbbb\n" * 20)
    losses = [event.evaluation.nats_per_token for event in of(Validated, events)]
    (done,) = of(Finished, events)
    assert done.best_step < done.steps
    assert done.evaluation.nats_per_token == min(losses) < losses[-1]
    ours = charlm.train("aaaaaaaaab\n" * 50, SMALL, QUICK)
    assert model.score("bbbb").logprob > ours.score("bbbb").logprob


def test_unknown_characters_do_not_decide_which_model_is_best(tmp_path: Path) -> None:
    """The loss of all tokens is infinite at each validation."""
    _, events = events_of(STREAM, plan=plan(learning_rate=0.5), valid=STREAM[:300] + "☃☃", folder=tmp_path / "m")
    found = {each.progress.step: each.evaluation for each in of(Validated, events)}
    losses = {step: each.known_nats_per_token for step, each in found.items()}
    (done,) = of(Finished, events)
    assert all(math.isinf(each.nats_per_token) for each in found.values())
    assert losses[done.best_step] == min(losses.values()) < losses[5]
    (point,) = (each for each in read_log(tmp_path / "m").points if each.step == done.best_step)
    assert point.valid == losses[done.best_step], "the curve is that of the known tokens"


@pytest.mark.parametrize(("text", "sequence"), [(STREAM, "stream"), (LINES, "line")])
def test_the_validation_number_is_that_of_evaluate(text: str, sequence: str) -> None:
    model, events = events_of(text, SMALL, QUICK)
    held_out = hold_out([Document("text", text)], sequence, 0.1).valid
    assert of(Finished, events)[-1].evaluation == model.evaluate("\n".join(held_out))


def test_the_held_out_part_knows_no_seed() -> None:
    parts = [events_of(LINES, SMALL, replace(FAST, seed=seed))[1][0].about.before for seed in (0, 1, 2**63 - 1)]
    assert parts[0] == parts[1] == parts[2]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    first, again, other = (weights(charlm.train(STREAM, plan=plan(seed=seed))) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_dropout_is_repeatable_too() -> None:
    shape = replace(STREAM_SHAPE, layers=2, dropout=0.5)
    first, again = (charlm.train(STREAM, replace(shape), QUICK) for _ in range(2))
    assert weights(first) == weights(again)


def test_a_revised_plan_goes_straight_from_each_revision_to_its_end() -> None:
    """100 steps; after 20, 0.2 are done, and it is revised to 50: the other 0.8 take 30 steps. After 35 it becomes
    75: 0.2 + 15/30 · 0.8 = 0.6 are done, and the other 0.4 take 40 steps. After 55: 0.6 + 20/40 · 0.4 = 0.8."""
    revised = plan(100, 10).revise(20, 50).revise(35, 75)
    assert revised.total == 75
    shares = [revised.progress(step) for step in (0, 10, 20, 35, 55, 75)]
    assert shares == pytest.approx([0, 0.1, 0.2, 0.6, 0.8, 1])
    rates = [revised.learning_rate(step) for step in range(75)]
    assert max(rates) == pytest.approx(QUICK.learning_rate, rel=0.02)
    assert rates[-1] == pytest.approx(0.02 * QUICK.learning_rate)
    assert sum(revised.validate_after(step) for step in range(1, 76)) == 10
    assert revised.validate_after(75)


@pytest.mark.parametrize("revisions", [[(7, 15)], [(7, 60)], [(5, 60), (30, 35)]])
def test_a_revised_plan_replays_to_the_same_weights(revisions: list[tuple[int, int]], tmp_path: Path) -> None:
    revised = plan(40, 8, *revisions)
    first, events = events_of(STREAM, plan=revised, folder=tmp_path / "m")
    assert of(Finished, events)[0].steps == revisions[-1][1]
    stored = read_plan(tmp_path / "m" / "plan.json")
    assert stored == revised
    assert weights(charlm.train(STREAM, plan=stored)) == weights(first)


def test_a_machine_that_slows_down_revises_the_plan_and_the_revision_is_stored(tmp_path: Path) -> None:
    """The report is slow from the first validation on, as a laptop on battery would be."""
    events: list[Any] = []

    def slow(event: object) -> None:
        events.append(event)
        if isinstance(event, Progress | Validated):
            time.sleep(0.2)

    model = charlm.train(STREAM, SMALL, replace(QUICK, steps=None, minutes=0.05), folder=tmp_path / "m", report=slow)
    planned = next(event for event in events if isinstance(event, Planned))
    assert planned.seconds and 0 < planned.seconds < 3, "what the plan expects of these three seconds"
    told = [(event.at, event.steps) for event in of(Revised, events)]
    stored = read_plan(tmp_path / "m" / "plan.json")
    assert told and list(stored.revisions) == told
    assert stored.total < stored.steps
    assert of(Finished, events)[0].steps == stored.total
    assert weights(charlm.train(STREAM, plan=stored)) == weights(model)


EXPLODING = replace(SMALL, cell="rnn", activation="identity", dropout=0)


def test_divergence_names_the_step_and_what_to_try(tmp_path: Path) -> None:
    config = replace(QUICK, learning_rate=100, clip=1e30, seq_len=64)
    with pytest.raises(charlm.DivergenceError, match=r"step \d+") as ended:
        charlm.train(LINES, EXPLODING, config, folder=tmp_path / "m")
    assert sentence(ended.value).endswith("; try --learning-rate 25")
    assert os.listdir(tmp_path) == []


def test_after_divergence_the_best_model_so_far_is_there(tmp_path: Path) -> None:
    """The rate rises from 0.02 to 100 in the first 5,000 steps; somewhere on the way the loss is infinite."""
    config = replace(QUICK, learning_rate=100, clip=1e30, seq_len=64)
    plan = charlm.Plan(replace(EXPLODING, sequence="line"), config, steps=100_000, validations=100_000)
    events: list[Any] = []
    with pytest.raises(charlm.DivergenceError, match=str(tmp_path / "m")):
        charlm.train(LINES, plan=plan, folder=tmp_path / "m", report=events.append)
    best = min(event.evaluation.nats_per_token for event in of(Validated, events))
    kept = charlm.load(tmp_path / "m").evaluate("\n".join(hold_out([Document("text", LINES)], "line", 0.1).valid))
    assert kept.nats_per_token == best < 10


def test_a_validation_that_is_no_number_is_never_kept(tmp_path: Path) -> None:
    """One step from weights that are fine, whose loss is finite, to weights whose outputs overflow on a long line."""
    config = replace(QUICK, learning_rate=100, steps=1)
    with pytest.raises(charlm.DivergenceError, match="step 1"):
        charlm.train(LINES, EXPLODING, config, folder=tmp_path / "m", valid="the cat " * 100 + "\n")
    assert os.listdir(tmp_path) == []
