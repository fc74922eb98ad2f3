"""Several processes train one model as one would: real ones, that talk over the loopback."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import LINES, QUICK, SMALL, STREAM
from soak import SOAK

import charlm
from charlm.checkpoints import training_state
from charlm.checkpoints.checkpoint import describe
from charlm.checkpoints.model_folder import METRICS, unfinished
from charlm.data.windows import TokenRing, TrainingWindows
from charlm.tasks.text.preparation import prepare
from charlm.training import distributed
from charlm.training.distributed import Group
from charlm.training.torchrun import Launch, launched

if sys.platform == "win32":
    pytest.skip("the processes are forked", allow_module_level=True)
import process_ranks as ranks
from forked_trainer import fork

STEPS = 50
TRAINING = replace(QUICK, steps=STEPS, precision="float32")


KILLED_ONCE = """
import os, signal
from charlm.cli import main
from charlm.training.learner import Learner

learn, taken = Learner.backward, 0

def gradient(*arguments):
    global taken
    taken += 1
    if taken == 30 and (os.environ["RANK"], os.environ["TORCHELASTIC_RESTART_COUNT"]) == ("1", "0"):
        os.kill(os.getpid(), signal.SIGKILL)
    return learn(*arguments)

Learner.backward = gradient
main()
"""


def plan(sequence: str, ngram: str = "none", **settings: object) -> charlm.Plan:
    shape = replace(SMALL, sequence=sequence, dropout=0.0, ngram=ngram)
    return charlm.Plan(shape, replace(TRAINING, **settings), steps=STEPS, validations=2)


def nats(folder: Path) -> float:
    """What the validation said of the model that is kept."""
    return float(describe(folder)["validation"]["nats_per_token"])


@pytest.fixture
def stored(tmp_path: Path) -> list[str]:
    """A text and a plan in the folder, as arguments of `train`; the model is `m`."""
    (tmp_path / "text").write_text(STREAM)
    (tmp_path / "plan.json").write_text(json.dumps(plan("stream").to_json()))
    return ["train", "text", "--plan=plan.json", "--model=m"]


@pytest.fixture
def often(stored: list[str]) -> list[str]:
    """Options of `stored`, with a save after each step."""
    return [*stored, "--save-every=0"]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> float:
    """What one process reaches on `stored`."""
    folder = tmp_path_factory.mktemp("alone") / "m"
    charlm.train(STREAM, plan=plan("stream"), folder=folder)
    return nats(folder)


@pytest.mark.parametrize(("sequence", "size"), [("stream", 2), ("line", 3)])
def test_processes_with_a_part_of_the_batch_each_follow_one_with_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sequence: str, size: int
) -> None:
    """Three share eight rows as 2, 3 and 3."""
    text = STREAM if sequence == "stream" else LINES
    monkeypatch.chdir(tmp_path)
    ranks.train(text, plan(sequence), tmp_path / "one")
    ended = ranks.together(size, tmp_path, ranks.train, text, plan(sequence), tmp_path / "several")
    assert ended.codes == [0] * size, ended.err
    expected = json.loads((tmp_path / "losses").read_text())
    assert len(expected) == STEPS and expected[-1] < 0.9 * expected[0]
    for rank in range(size):
        assert json.loads((tmp_path / f"losses{rank}").read_text()) == pytest.approx(expected, abs=1e-4)
    several = charlm.load(tmp_path / "several")
    held_out = prepare(text, several.config, TRAINING, None).split.valid
    whole = several.evaluate("\n".join(held_out))
    assert nats(tmp_path / "several") == pytest.approx(whole.nats_per_token, rel=1e-9), "in parts, summed exactly"
    assert [(tmp_path / f"events{rank}").read_text() != "" for rank in range(size)] == [True] + [False] * (size - 1)


@pytest.mark.parametrize("sequence", ["stream", "line"])
def test_processes_count_the_same_and_agree_on_each_validation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sequence: str
) -> None:
    """Each counts the whole text. At step 0, all validate the counts alone together."""
    text = STREAM if sequence == "stream" else LINES
    monkeypatch.chdir(tmp_path)
    ranks.train(text, plan(sequence, "2"), tmp_path / "one")
    ended = ranks.together(2, tmp_path, ranks.train, text, plan(sequence, "2"), tmp_path / "two")
    assert ended.codes == [0, 0], ended.err
    assert Path("one/counts.safetensors").read_bytes() == Path("two/counts.safetensors").read_bytes()
    losses = json.loads(Path("losses").read_text())
    assert all(json.loads(Path(f"losses{rank}").read_text()) == pytest.approx(losses, abs=1e-4) for rank in range(2))
    lines = ([json.loads(line) for line in Path(name, METRICS).read_text().splitlines()] for name in ("one", "two"))
    one, two = ({line["step"]: line["valid"]["nats_per_token"] for line in some if "valid" in line} for some in lines)
    assert list(one) == [0, 25, 50] and two == pytest.approx(one, abs=1e-4)
    assert nats(tmp_path / "two") == pytest.approx(min(one.values()), abs=1e-4)


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_a_signal_to_one_process_stops_all_and_any_number_of_them_goes_on(
    tmp_path: Path, stored: list[str], alone: float, name: str, code: int
) -> None:
    stopped = ranks.together(2, tmp_path, ranks.command_with_a_signal, name, 1, 20, *stored)
    assert stopped.codes == [code, code]
    assert "stopped at step 21; to continue, run the same command with --resume" in stopped.err[0].splitlines()
    assert (stopped.out, stopped.err[1]) == (["", ""], "")
    place = unfinished(tmp_path / "checkpoints/m")
    saved = training_state.newest(place)[0] if place else None
    assert saved and len(saved.tensors["state.0.0"]) == TRAINING.batch_size, "the state of all rows"
    ended = ranks.together(3, tmp_path, ranks.command, *stored, "--resume")
    assert ended.codes == [0, 0, 0]
    assert "resuming at step 21" in ended.err[0]
    assert ended.out == ["checkpoints/m\n", "", ""]
    assert nats(tmp_path / "checkpoints/m") == pytest.approx(alone, abs=1e-4)


def test_a_run_begun_by_one_process_is_gone_on_with_by_two(tmp_path: Path, stored: list[str], alone: float) -> None:
    assert ranks.together(1, tmp_path, ranks.command_with_a_signal, "SIGTERM", 0, 20, *stored).codes == [143]
    assert ranks.together(2, tmp_path, ranks.command, *stored, "--resume").codes == [0, 0]
    assert nats(tmp_path / "checkpoints/m") == pytest.approx(alone, abs=1e-4)


@pytest.mark.parametrize("ngram", ["none", "2"])
def test_a_finished_run_is_continued_by_any_number_of_processes(tmp_path: Path, stored: list[str], ngram: str) -> None:
    """Each process receives the model, its plan and its vocabulary from the first one."""
    for size in (1, 2):
        charlm.train(STREAM, plan=plan("stream", ngram), folder=tmp_path / "checkpoints" / str(size))
        command = ("train", "text", f"--model={size}", "--resume", f"--steps={STEPS + 20}")
        for said in ("continuing from the weights of step ", "finished; give a larger --minutes or --steps"):
            ended = ranks.together(size, tmp_path, ranks.command, *command)
            assert ended.codes == [0] * size and ended.out[0] == f"checkpoints/{size}\n", ended.err
            assert said in ended.err[0] and "".join((*ended.out[1:], *ended.err[1:])) == ""
        assert describe(tmp_path / "checkpoints" / str(size))["steps"] == STEPS + 20
    assert nats(tmp_path / "checkpoints/2") == pytest.approx(nats(tmp_path / "checkpoints/1"), abs=1e-4)


def test_where_one_process_is_killed_the_others_end_and_a_restart_goes_on(
    tmp_path: Path, often: list[str], alone: float
) -> None:
    killed = ranks.together(2, tmp_path, ranks.command_with_a_signal, "SIGKILL", 1, 30, *often)
    assert killed.codes == [1, -signal.SIGKILL]
    assert killed.err[0].count("error: another of the processes") == 1 and "Traceback" not in killed.err[0]
    again = ranks.together(2, tmp_path, ranks.command, *often, restarts=1)  # nobody has said --resume
    assert again.codes == [0, 0]
    assert "resuming at step 29" in again.err[0]
    assert nats(tmp_path / "checkpoints/m") == pytest.approx(alone, abs=1e-4)
    assert ranks.together(2, tmp_path, ranks.command, *often, restarts=1).codes == [0, 0], "it has ended already"


def test_a_loss_that_is_no_number_in_one_process_sets_all_back(tmp_path: Path, often: list[str]) -> None:
    ended = ranks.together(2, tmp_path, ranks.command_with_a_nan, 1, 25, *often)
    assert ended.codes == [0, 0], ended.err
    assert ": the loss or its gradient is not finite; back to step 23" in ended.err[0]


def test_a_budget_in_minutes_is_planned_and_watched_by_the_first_for_all(tmp_path: Path, stored: list[str]) -> None:
    ended = ranks.together(2, tmp_path, ranks.command, "train", "text", "--minutes=0.03", "--model=m", "--threads=1")
    assert ended.codes == [0, 0], ended.err
    assert "tokens by 2 processes on cpu" in ended.err[0]
    assert nats(tmp_path / "checkpoints/m") < 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--batch-size=1"], "2 processes cannot share a batch of 1; start fewer, or give a larger --batch-size"),
        (["--layers=none"], "error: --layers is 'none'; it must be a whole number"),
        (["nothing.txt"], "nothing.txt"),
        (["-"], "several processes cannot share stdin; give the corpus as a file"),
    ],
)
def test_what_is_wrong_is_said_once(tmp_path: Path, stored: list[str], options: list[str], message: str) -> None:
    ended = ranks.together(2, tmp_path, ranks.command, "train", "text", "--steps=2", *options)
    assert ended.codes[0] == 2
    assert message in ended.err[0]
    assert (ended.out, ended.err[1]) == (["", ""], "")


def test_torchrun_restarts_a_run_whose_process_was_killed(tmp_path: Path, often: list[str], alone: float) -> None:
    """The whole way, by torchrun itself: at the first start the second process kills itself after some saves."""
    (tmp_path / "killed_once.py").write_text(KILLED_ONCE)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    started = subprocess.Popen(
        [*launcher, "--max-restarts=1", "--monitor-interval=0.1", "killed_once.py", *often],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(charlm.__file__).parent.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        out, err = started.communicate(timeout=180)
    except subprocess.TimeoutExpired:
        started.terminate()  # it ends its processes before itself
        out, err = started.communicate()
    assert started.returncode == 0, err
    assert out == "checkpoints/m\n"
    assert err.count("resuming at step 29") == 1
    assert "Traceback" not in err
    assert nats(tmp_path / "checkpoints/m") == pytest.approx(alone, abs=1e-4)


@pytest.mark.skipif(sys.platform != "linux", reason="the test reads /proc")
def test_a_process_whose_torchrun_was_killed_saves_and_ends(tmp_path: Path, stored: list[str]) -> None:
    """The process between this one and the trainer is the launcher; it kills itself when the trainer has begun."""
    launched = {"TORCHELASTIC_RUN_ID": "test", "TORCHELASTIC_RESTART_COUNT": "0"}
    launched |= {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}
    launcher = fork(ranks.launcher_that_is_killed, launched, tmp_path, *stored[:2], "--steps=1000000", "--model=m")
    launcher.join(60)
    assert launcher.exitcode == -signal.SIGKILL
    trainer, until = int((tmp_path / "trainer").read_text()), time.monotonic() + 60
    while ranks.runs(trainer):
        assert time.monotonic() < until
        time.sleep(0.05)
    (stopped,) = re.findall(r"stopped at step (\S+);", (tmp_path / "err0").read_text())
    place = unfinished(tmp_path / "checkpoints/m")
    saved = training_state.newest(place)[0] if place else None
    assert saved and f"{saved.step:,}" == stopped


@pytest.mark.skipif(not SOAK, reason="by `make soak`")
@pytest.mark.parametrize("whose", ["torchrun", "process"])
def test_torchrun_with_a_sigterm_ends_within_its_notice_and_the_state_is_saved(
    tmp_path: Path, stored: list[str], whose: str
) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    started = subprocess.Popen(
        [*launcher, "-m", "charlm", *stored[:2], "--steps=20000", "--save-every=0", "--model=m", "--threads=1"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(charlm.__file__).parent.parent)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until = time.monotonic() + 60
        while not ((path := unfinished(tmp_path / "checkpoints/m")) and training_state.newest(path)[0]):
            assert time.monotonic() < until
            time.sleep(0.05)
        if whose == "torchrun":
            started.terminate()
        else:
            children = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split()
            os.kill(int(children[-1]), signal.SIGTERM)
        _, err = started.communicate(timeout=30)
    finally:
        started.terminate()  # it ends its processes before itself
        started.communicate()
    assert started.returncode == 1
    assert err.count("stopped at step") == 1 and "error:" not in err
    assert unfinished(tmp_path / "checkpoints/m")


@pytest.mark.skipif(not SOAK, reason="by `make soak`")
def test_processes_killed_again_and_again_come_to_the_same_end(tmp_path: Path, often: list[str], alone: float) -> None:
    moments = random.Random(1)
    for _ in range(8):
        size = moments.randrange(2, 5)
        which = moments.randrange(size), moments.randrange(2, 6)
        ended = ranks.together(size, tmp_path, ranks.command_with_a_signal, "SIGKILL", *which, *often, restarts=1)
        assert 0 not in ended.codes
    assert ranks.together(2, tmp_path, ranks.command, *often, restarts=1).codes == [0, 0]
    assert nats(tmp_path / "checkpoints/m") == pytest.approx(alone, abs=1e-4)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("size", [2, 3])
def test_the_rows_of_all_processes_are_the_batch(whole: bool, size: int) -> None:
    """Also where a stream forgets at the start of a line, which depends on its row."""
    targets = np.array([3, 4, 5, 1] * 100, dtype=np.int32)
    ring = TokenRing(targets, np.arange(0, 400, 4) if whole else np.array([0]))
    line_ends = np.arange(6) == 1
    batches = [
        TrainingWindows(ring, 7, 10, 0, align_to_starts=whole, line_ends=line_ends, select_rows=Group(rank, count).rows)
        for count in (1, size)
        for rank in range(count)
    ]
    for step in range(40):
        one, *parts = (each[step] for each in batches)
        for name in ("inputs", "targets"):
            joined = np.concatenate([getattr(part, name) for part in parts], axis=1)
            assert (joined == getattr(one, name).numpy()).all()
        resets = [np.zeros_like(part.inputs) if part.resets is None else part.resets for part in parts]
        expected = np.zeros_like(one.inputs) if one.resets is None else one.resets.numpy()
        assert (np.concatenate(resets, axis=1) == expected).all()


def test_a_weight_that_is_not_trained_is_left_out_of_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "_all_reduce", lambda tensor, timeout: None)
    frozen, trained = (torch.nn.Parameter(torch.zeros(3)) for _ in range(2))
    trained.grad = torch.full((3,), 2.0)
    assert Group(0, 2).average_gradients([frozen, trained], 1.5, 4) == 1.5
    assert frozen.grad is None and trained.grad.tolist() == [2.0, 2.0, 2.0]


def test_what_other_programs_call_rank_is_not_torchruns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "first")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert launched() == Launch()
