"""`resume` of a run that has ended goes on from its model, keeps what is better, and can be stopped and repeated."""

import itertools
import json
import os
import shlex
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import LINES, QUICK, SMALL, STREAM, TINY, Outcome
from reference_run import ending, outcome

import charlm
from charlm.analysis.run_log import read_log
from charlm.checkpoints.checkpoint import describe
from charlm.checkpoints.model_folder import STEPS, unfinished
from charlm.cli.remedies import sentence
from charlm.interrupts import Terminated
from charlm.plan import plan_from, read_plan
from charlm.tasks.text import preparation
from charlm.tasks.text.preparation import prepared
from charlm.training import planner
from charlm.training.distributed import ALONE
from charlm.training.events import AlreadyFinished, Continued, Finished, NoEarlierRun, Resumed, Validated
from charlm.training.finished_run import FinishedRun
from charlm.training.learner import Learner

Run = Callable[..., Outcome]
SHAPE = charlm.ModelConfig(hidden_size=4, layers=1, embedding_size=4, dropout=0.2, ngram="none")
FIRST = charlm.TrainConfig(steps=20, learning_rate=4e-3, batch_size=4, seq_len=8, threads=1)
MORE = charlm.TrainConfig(steps=32)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of 20 steps; copy it before you change it."""
    folder = tmp_path_factory.mktemp("finished") / "m"
    charlm.train(STREAM, SHAPE, FIRST, folder=folder)
    return folder


@pytest.fixture(scope="module")
def continued(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    """The folder of that run after 12 more steps, and the events of these."""
    folder = shutil.copytree(finished, tmp_path_factory.mktemp("continued") / "m")
    events: list[Any] = []
    charlm.train(STREAM, config=MORE, folder=folder, resume=True, report=events.append)
    return folder, events


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def of(kind: type[Any], events: list[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def test_it_goes_on_from_the_model_and_tells_the_history(finished: Path, continued: tuple[Path, list[Any]]) -> None:
    folder, events = continued
    before, after = describe(finished), describe(folder)
    assert of(Continued, events) == [Continued(kept=before["step"], start=20, steps=32)]
    first, *others = of(Validated, events)
    assert first.progress.step == 20 and first.evaluation.nats_per_token == before["validation"]["nats_per_token"]
    assert others[-1].progress.step == 32
    assert after["validation"]["nats_per_token"] < before["validation"]["nats_per_token"]
    assert (after["step"], after["steps"]) == (of(Finished, events)[0].best_step, 32)
    plan, (earlier,) = read_plan(folder / "plan.json"), read_plan(folder / "plan.json").earlier
    assert (earlier.train, earlier.total, earlier.kept) == (read_plan(finished / "plan.json").train, 20, before["step"])
    assert plan.train == replace(earlier.train, steps=32)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"| runs | 20 steps; 12 more from the weights of step {before['step']}; in each, the learning" in card
    steps = [point.step for point in read_log(folder).points]
    assert steps == sorted(steps) and steps[0] < 20 and steps[-1] == 32, "the curves are those of all runs"


def test_the_learning_rate_rises_and_falls_again() -> None:
    """The rate rises in a twentieth of the 200 steps after 100; the last rate is a fiftieth of the peak."""
    shape = replace(SMALL, sequence="stream", dropout=0.0)
    plan = charlm.Plan(shape, QUICK, steps=100, validations=2).then(kept=90, train=QUICK, steps=300, validations=4)
    peak = QUICK.learning_rate or 0
    rates = [plan.learning_rate(step) / peak for step in (100, 109, 299)]
    assert rates == pytest.approx([0.1, 1, 0.02])
    assert [step for step in range(100, 301) if plan.validate_after(step)] == [100, 150, 200, 250, 300]
    assert [run.total for run in plan.runs()] == [100, 300]
    assert plan.story == "100 steps; 200 more from the weights of step 90"
    halved = charlm.Plan(shape, QUICK, 100, 2, halved_at=50).then(90, QUICK, 300, 4)
    assert halved.learning_rate(109) == pytest.approx(peak / 2), "a rate that was too high stays halved"


def test_a_result_that_is_not_better_is_not_kept(tmp_path: Path) -> None:
    """All that further steps can learn is that b is rare, and the held-out text has nothing else."""
    corpus, folder = "aaaaaaaaab\n" * 50, tmp_path / "m"
    settings: dict[str, Any] = {"valid": "bbbb\n" * 20, "folder": folder, "resume": True}
    charlm.train(corpus, SMALL, QUICK, **settings)
    before, step = charlm.load(folder).score("bbbb"), describe(folder)["step"]
    for total in (50, 60):
        events: list[Any] = []
        charlm.train(corpus, config=charlm.TrainConfig(steps=total), report=events.append, **settings)
        (done,) = of(Finished, events)
        assert done.outcome.startswith(f"{total} steps in 0:0")
        assert f"; no later network is better than that of step {step}, which is kept" in done.outcome
        assert charlm.load(folder).score("bbbb") == before
        assert (describe(folder)["step"], describe(folder)["steps"]) == (step, total)
        assert [run.kept for run in read_plan(folder / "plan.json").earlier] == [step] * (total // 10 - 4)
    assert f"| {step} of 60 steps" in (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "config",
    [charlm.TrainConfig(), charlm.TrainConfig(steps=20), charlm.TrainConfig(steps=3), charlm.TrainConfig(epochs=0.01)],
    ids=["none", "the same", "smaller", "fewer passes"],
)
def test_without_a_larger_budget_it_has_finished(finished: Path, tmp_path: Path, config: charlm.TrainConfig) -> None:
    folder, events = shutil.copytree(finished, tmp_path / "m"), list[Any]()
    model = charlm.train(STREAM, config=config, folder=folder, resume=True, report=events.append)
    (event,) = of(AlreadyFinished, events)
    assert (event.model, event.steps) == ("m", 20) and not of(Finished, events)
    assert outcome(folder) == outcome(finished)
    assert model.score("the word") == charlm.load(finished).score("the word")


def test_a_job_that_always_resumes_ends(run: Run) -> None:
    Path("text").write_text(STREAM)
    job = ("train", "text", *TINY, "--steps=20", "--resume")
    first, second, third = (run(*job, *more) for more in ([], [], ["--json"]))
    assert (first.code, second.code, third.code) == (0, 0, 0)
    assert first.err.startswith("there is no earlier run in checkpoints/text; a new one starts\n")
    assert second.out == first.out == "checkpoints/text\n"
    assert second.err.startswith("finished; give a larger --minutes or --steps: text has had 20 steps in ")
    assert json.loads(third.out)["steps"] == 20
    longer = run("train", "text", "--steps=30", "--resume")
    assert longer.code == 0
    assert "10 more steps of 4 × 8 tokens" in longer.err
    assert "continuing from the weights of step " in longer.err
    assert "the result is not that of one run of 30 steps, and it is kept only if better" in longer.err
    info = run("info").out
    assert "runs         20 steps; 10 more from the weights of step " in info


def test_minutes_add_up(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three minutes after three leave three; a run of a number of steps has had the minutes that it took."""
    plan, model = read_plan(finished / "plan.json"), charlm.load(finished)
    by_time = replace(plan, train=replace(plan.train, steps=None, minutes=3.0))
    timed = FinishedRun(model, by_time, 20, {}, None, 175.0, ())
    counted = timed._replace(plan=plan, seconds=120.0)
    assert (timed.minutes, counted.minutes) == (3, 2)
    assert [timed.allows(charlm.TrainConfig(minutes=each)) for each in (2, 3, 6)] == [False, False, True]
    folder = shutil.copytree(finished, tmp_path / "m")
    (folder / "plan.json").write_text(json.dumps(by_time.to_json()))
    seconds: list[float] = []

    def measure(*arguments: Any) -> Any:
        seconds.append(arguments[6])
        raise KeyboardInterrupt

    monkeypatch.setattr(planner, "_measure", measure)
    with pytest.raises(KeyboardInterrupt):
        charlm.train(STREAM, config=charlm.TrainConfig(minutes=6), folder=folder, resume=True)
    assert seconds == [180]
    assert weights(folder) == weights(finished) and unfinished(folder) is None


def test_too_little_time_for_a_step_is_counted_with_that_of_the_runs_before() -> None:
    """A step takes 6 s, and 0.6 of 180.6 s are left; 20 steps would need 120 s more than the three minutes."""
    budget = planner.TimeBudget(time.monotonic(), 0.6, 6.0, 0.0, 1)
    with pytest.raises(charlm.ConfigError, match=r"a step takes 6\.0 s; 0\.6 s are left for this run") as refused:
        planner._check_time(ALONE, budget, before=3.0)
    assert refused.value.fields["minutes"] == pytest.approx(5.1)


def test_a_time_budget_is_watched_from_the_first_new_step(finished: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(finished, tmp_path / "m")
    took = charlm.TrainConfig(minutes=0.02 + read_seconds(folder) / 60)
    charlm.train(STREAM, config=took, folder=folder, resume=True)
    plan = read_plan(folder / "plan.json")
    assert plan.start == 20 < plan.total and all(at > 20 for at, _ in plan.revisions)


def read_seconds(folder: Path) -> float:
    return read_log(folder).points[-1].seconds or 0


@pytest.mark.parametrize("steps", [0, 1, 7])
def test_a_continuation_that_is_stopped_resumes_to_the_same_bytes(
    finished: Path, continued: tuple[Path, list[Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """Each time, the command is the same."""
    folder = shutil.copytree(finished, tmp_path / "m")
    command: dict[str, Any] = {"config": MORE, "folder": folder, "resume": True}
    with monkeypatch.context() as patch, pytest.raises(Terminated):
        patch.setattr(Learner, "backward", ending(Learner.backward, steps, Terminated()))
        charlm.train(STREAM, **command)
    assert charlm.load(folder).score("the word").logprob < 0
    events: list[Any] = []
    charlm.train(STREAM, report=events.append, **command)
    assert [event.step for event in of(Resumed, events)] == [20 + steps]
    assert outcome(folder) == outcome(continued[0])


@contextmanager
def before_each_write(act: Callable[[], object]) -> Iterator[None]:
    """Call `act` before every rename and every flush."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("fsync", "rename", "replace"):
            write = getattr(os, name)
            patch.setattr(os, name, lambda *arguments, write=write: (act(), write(*arguments)))
        yield


def test_a_continuation_killed_at_any_write_leaves_a_model_and_resumes_to_the_same_bytes(
    finished: Path, tmp_path: Path
) -> None:
    """The disk is copied before every write; each third copy goes on, and the first ones, where the run begins."""
    config = charlm.TrainConfig(steps=23)
    folder = shutil.copytree(finished, tmp_path / "disk" / "m")
    number, copies = itertools.count(), list[Path]()
    with before_each_write(
        lambda: copies.append(shutil.copytree(folder.parent, tmp_path / str(next(number))) / folder.name)
    ):
        charlm.train(STREAM, config=config, folder=folder, resume=True)
    expected = outcome(folder)
    assert len(copies) > 20
    for copy in (*copies[:9], *copies[9::3]):
        charlm.load(copy)
        charlm.train(STREAM, config=config, folder=copy, resume=True)
        assert outcome(copy) == expected
        assert os.listdir(copy.parent) == ["m"]


def test_a_continuation_that_diverges_leaves_the_finished_run(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(finished, tmp_path / "m")
    monkeypatch.setattr(Learner, "backward", lambda *arguments: (float("nan"), 1.0))
    with pytest.raises(charlm.DivergenceError):
        charlm.train(STREAM, config=MORE, folder=folder, resume=True)
    assert unfinished(folder) is None and describe(folder)["steps"] == 20
    assert charlm.load(folder).score("the word") == charlm.load(finished).score("the word")


OTHER = STREAM.replace("word", "text")


@pytest.mark.parametrize(
    ("corpus", "settings", "message"),
    [
        (OTHER, {}, "the text is not the one that m was trained on (text); give that text, or"),
        (STREAM, {"valid": OTHER}, "not the one that m was validated on (a part of the corpus); leave --valid out, or"),
        (STREAM, {"model": charlm.ModelConfig(hidden_size=8)}, "m has --hidden-size = 4, not 8; leave --hidden-size"),
        (STREAM, {"model": charlm.ModelConfig(tokenizer="byte")}, "m has tokenizer = char, not byte"),
        (STREAM, {"config": charlm.TrainConfig(steps=99, seed=7)}, "m has seed = 0, not 7; leave --seed out, or"),
        (STREAM, {"config": charlm.TrainConfig(steps=99, learning_rate=0.1)}, "leave --learning-rate out, or"),
    ],
    ids=["text", "held-out text", "shape", "tokenizer", "seed", "rate"],
)
@pytest.mark.parametrize("longer", [True, False], ids=["more steps", "no more steps"])
def test_another_text_or_setting_is_refused(
    finished: Path, tmp_path: Path, corpus: str, settings: dict[str, Any], message: str, longer: bool
) -> None:
    folder = shutil.copytree(finished, tmp_path / "m")
    with pytest.raises(charlm.CharlmError) as refused:
        charlm.train(corpus, folder=folder, resume=True, **({"config": MORE} if longer else {}) | settings)
    assert message in sentence(refused.value)
    assert sentence(refused.value).endswith("or train another model with -m NEWNAME")
    assert outcome(folder) == outcome(finished)


def test_the_same_held_out_text_has_to_be_given(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    settings: dict[str, Any] = {"folder": folder, "resume": True}
    charlm.train(STREAM, SHAPE, replace(FIRST, steps=2), valid=STREAM[:80], **settings)
    for valid in (None, STREAM[:81]):
        with pytest.raises(charlm.CorpusError) as refused:
            charlm.train(STREAM, config=MORE, valid=valid, **settings)
        assert "validated on (text); give that one with --valid, or" in sentence(refused.value)
    charlm.train(STREAM, config=charlm.TrainConfig(steps=4), valid=STREAM[:80], **settings)
    assert describe(folder)["steps"] == 4


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--cell=gru", "text has cell = lstm, not gru; leave --cell out, or train another model with -m NEWNAME"),
        ("--seed=0", "text has seed = 3, not 0; leave --seed out, or train another model with -m NEWNAME"),
        ("--overwrite", "resume continues a run, and overwrite replaces it; leave --overwrite out"),
    ],
)
def test_an_option_with_its_default_value_counts_too(run: Run, option: str, message: str) -> None:
    Path("text").write_text(STREAM)
    assert run("train", "text", *TINY, "--steps=2", "--cell=lstm", "--seed=3").code == 0
    refused = run("train", "text", "--steps=4", "--resume", option)
    assert (refused.code, refused.err) == (2, f"error: {message}\n")


def test_a_stopped_run_keeps_its_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Learner, "backward", ending(Learner.backward, 3))
        charlm.train(STREAM, SHAPE, FIRST, folder=tmp_path / "m")
    with pytest.raises(charlm.ConfigError) as refused:
        charlm.train(STREAM, config=MORE, folder=tmp_path / "m", resume=True)
    assert sentence(refused.value) == (
        "the unfinished run has steps = 20, not steps = 32; resume it first without --steps, then give --steps again"
    )
    charlm.train(STREAM, config=FIRST, folder=tmp_path / "m", resume=True)
    assert describe(tmp_path / "m")["steps"] == 20


def test_three_runs_are_repeated_by_one_command(run: Run) -> None:
    """`info` names it; the weights are the same, byte for byte, and so are the plan and the card but for the name."""
    Path("text").write_text(LINES)
    for steps in (6, 10, 14):
        assert run("train", "text", *TINY, "--seed=3", f"--steps={steps}", "--resume").code == 0
    command = shlex.split(json.loads(run("info", "--json").out)["repeat"])
    assert run(*command[1:], "--model=again").code == 0
    for name in ("model.safetensors", "plan.json", "config.json"):
        assert Path("checkpoints/again", name).read_bytes() == Path("checkpoints/text", name).read_bytes()
    other = run(*command[1:], "--model=other", "--seed=4")
    assert other.code == 0 and weights(Path("checkpoints/other")) != weights(Path("checkpoints/text"))
    assert [earlier.train.seed for earlier in read_plan(Path("checkpoints/other/plan.json")).earlier] == [4, 4]


def test_a_repetition_that_is_stopped_resumes(
    continued: tuple[Path, list[Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its first run, and in its second."""
    plan = read_plan(continued[0] / "plan.json")
    in_memory = charlm.train(STREAM, plan=plan)
    assert in_memory.score("the word") == charlm.load(continued[0]).score("the word")
    for steps in (5, 25):
        folder = tmp_path / str(steps) / "m"
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Learner, "backward", ending(Learner.backward, steps))
            charlm.train(STREAM, plan=plan, folder=folder)
        events: list[Any] = []
        charlm.train(STREAM, plan=plan, folder=folder, resume=True, report=events.append)
        assert [event.step for event in of(Resumed, events)] == [steps] and len(of(Finished, events)) == 1
        assert weights(folder) == weights(continued[0])
        assert read_plan(folder / "plan.json") == plan
    first = tmp_path / "first" / "m"
    charlm.train(STREAM, plan=plan.runs()[0], folder=first)
    charlm.train(STREAM, plan=plan, folder=first, resume=True)
    assert weights(first) == weights(continued[0]), "a plan also continues a run that is its beginning"


def test_a_plan_that_continues_another_run_is_refused(finished: Path, tmp_path: Path) -> None:
    plan = read_plan(finished / "plan.json")
    other = replace(plan, steps=19).then(19, replace(plan.train, steps=30), 30, 2)
    with pytest.raises(charlm.ConfigError) as refused:
        charlm.train(STREAM, plan=other, folder=shutil.copytree(finished, tmp_path / "m"), resume=True)
    assert "m has had 20 steps, and the plan continues from 19; give the plan of this model" in sentence(refused.value)


@pytest.mark.parametrize(
    "earlier", ["x", [{}], [{"kept": 21}], [{"kept": 0}], [{"steps": 32}], [{"revisions": [[40, 20]]}]], ids=str
)
def test_a_history_that_no_runs_can_have_is_refused(continued: tuple[Path, list[Any]], earlier: Any) -> None:
    values = json.loads((continued[0] / "plan.json").read_text())
    changed = [values["earlier"][0] | each if each else each for each in earlier] if earlier != "x" else earlier
    with pytest.raises(charlm.ConfigError, match=r"some\.json"):
        plan_from(values | {"earlier": changed}, Path("some.json"))


def test_a_model_that_another_process_has_trained_meanwhile_is_left_alone(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one is as quick as can be: it trains while this one still reads the corpus."""
    folder = shutil.copytree(finished, tmp_path / "m")

    def read_slowly(*arguments: Any) -> Any:
        monkeypatch.undo()
        charlm.train(STREAM, config=charlm.TrainConfig(steps=25), folder=folder, resume=True)
        return prepared(*arguments)

    monkeypatch.setattr(preparation, "prepared", read_slowly)
    with pytest.raises(charlm.ModelInUseError, match="another process has trained"):
        charlm.train(STREAM, config=MORE, folder=folder, resume=True)
    assert describe(folder)["steps"] == 25 and unfinished(folder) is None


def test_weights_of_a_stopped_run_without_their_state_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(Terminated):
        patch.setattr(Learner, "backward", ending(Learner.backward, 1, Terminated()))
        charlm.train(STREAM, SHAPE, FIRST, folder=tmp_path / "m")
    shutil.rmtree(tmp_path / "m" / STEPS)
    with pytest.raises(charlm.ModelError, match="not its state, so it cannot be resumed"):
        charlm.train(STREAM, config=MORE, folder=tmp_path / "m", resume=True)


def test_the_library_reports_that_there_is_no_earlier_run(tmp_path: Path) -> None:
    events: list[Any] = []
    charlm.train(STREAM, SHAPE, FIRST, folder=tmp_path / "m", resume=True, report=events.append)
    assert of(NoEarlierRun, events) == [NoEarlierRun(tmp_path / "m")]
    assert len(of(Finished, events)) == 1
