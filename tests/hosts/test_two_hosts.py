"""Two hosts train one model by the command lines of the guide, over a link of 10 ms and 100 Mbit/s.

The hosts are network namespaces of one machine, so these tests need root and Linux. `make soak` runs them.
"""

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import QUICK, SMALL, STREAM
from hosts import PATIENCE, Host, Launched, measure, refusal, two_hosts
from process_ranks import runs
from soak import SOAK

import charlm
from charlm.checkpoints import training_state
from charlm.checkpoints.checkpoint import describe
from charlm.checkpoints.model_folder import unfinished

if not SOAK:
    pytest.skip("by `make soak`", allow_module_level=True)
if why := refusal():
    pytest.skip(why, allow_module_level=True)

STEPS, RATE, DELAY = 50, 100e6, 0.01
GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "several-machines.md").read_text(encoding="utf-8")
FIXED, ELASTIC, LOCAL = re.findall(r"^torchrun --nnodes[^`]*?corpus\.txt.*$", GUIDE, re.MULTILINE)
MORE = " --threads 1 --plan plan.json --model m --save-every 0"
LONG = " --threads 1 --plan long.json --model m --save-every 1"  # half a second for each step
VARIABLE = re.findall(r"^export (\w+)=(\w+)$", GUIDE, re.MULTILINE)
PLAN = charlm.Plan(
    replace(SMALL, sequence="stream", dropout=0.0), replace(QUICK, steps=STEPS, precision="float32"), STEPS, 2
)
# With AdamW, because SOAP makes the difference of rounding between one process and two larger in a wide network.
LARGE = replace(
    PLAN,
    model=replace(PLAN.model, hidden_size=512),
    train=replace(PLAN.train, batch_size=128, seq_len=64, optimizer="adamw"),
)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process makes of the plan."""
    folder = tmp_path_factory.mktemp("alone") / "m"
    charlm.train(STREAM, plan=PLAN, folder=folder)
    return folder


@pytest.fixture(scope="module")
def alone_for_long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process makes of the plan whose steps take longer."""
    folder = tmp_path_factory.mktemp("alone") / "m"
    charlm.train(STREAM, plan=LARGE, folder=folder)
    return folder


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[tuple[Host, Host]]:
    """Both have the corpus and the plan, and a `checkpoints/` of their own."""
    with two_hosts(tmp_path, rate=RATE, delay=DELAY) as pair:
        for host in pair:
            (host.folder / "corpus.txt").write_text(STREAM)
            for name, plan in (("plan.json", PLAN), ("long.json", LARGE)):
                (host.folder / name).write_text(json.dumps(plan.to_json()))
        yield pair


@pytest.fixture
def sharing(hosts: tuple[Host, Host], monkeypatch: pytest.MonkeyPatch) -> tuple[Host, Host]:
    """Both have one `checkpoints/`, as on a shared disk, and the variable that the guide sets."""
    (hosts[0].folder / "checkpoints").mkdir()
    (hosts[1].folder / "checkpoints").symlink_to(hosts[0].folder / "checkpoints")
    assert VARIABLE
    for name, value in VARIABLE:
        monkeypatch.setenv(name, value)
    return hosts


def saved_step(host: Host) -> int:
    """Step of the last state that the disk of a host has; 0 if there is none."""
    path = unfinished(host.folder / "checkpoints" / "m")
    state = training_state.newest(path)[0] if path else None
    return state.step if state else 0


def wait_until(condition: Callable[[], object], *running: Launched) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "\n".join(each.err for each in running)
        time.sleep(0.02)


def check_same(host: Host, alone: Path) -> None:
    """The model on the disk of a host is the one that a single process makes, to the tolerance that is promised."""
    mine, expected = (describe(each)["validation"] for each in (host.folder / "checkpoints" / "m", alone))
    assert mine["nats_per_token"] == pytest.approx(expected["nats_per_token"], abs=1e-4)
    weights, expected_weights = (
        charlm.load(each).network.state_dict() for each in (host.folder / "checkpoints" / "m", alone)
    )
    for name, tensor in expected_weights.items():
        assert weights[name].numpy() == pytest.approx(tensor.numpy(), abs=2e-3), name


def test_the_link_is_as_slow_as_it_should_be(hosts: tuple[Host, Host]) -> None:
    rate, round_trip = measure(*hosts)
    assert 0.7 * RATE < rate < RATE
    assert 2 * DELAY < round_trip < 3 * DELAY


def test_two_hosts_make_the_model_that_one_process_makes(hosts: tuple[Host, Host], alone: Path) -> None:
    one, two = (host.start(FIXED + MORE) for host in hosts)
    assert (one.code(), two.code()) == (0, 0), one.err + two.err
    assert "tokens by 2 processes" in one.err and one.out == "checkpoints/m\n"
    assert (two.out, "plan" in two.err) == ("", False)
    check_same(hosts[0], alone)
    assert not (hosts[1].folder / "checkpoints").exists(), "the first one writes"


@pytest.mark.parametrize("which", [0, 1], ids=["on the host that writes", "on the other host"])
def test_a_process_that_is_killed_on_either_host_is_started_again(
    hosts: tuple[Host, Host], alone: Path, which: int
) -> None:
    """Both torchruns restart their processes, which go on from the last save, without --resume."""
    running = [host.start(FIXED + MORE) for host in hosts]
    wait_until(lambda: saved_step(hosts[0]) >= 10, *running)
    (worker,) = running[which].workers()
    os.kill(worker, signal.SIGKILL)
    assert [each.code() for each in running] == [0, 0], running[0].err + running[1].err
    (step,) = re.findall(r"resuming at step (\d+)", running[0].err)
    assert 10 <= int(step) < STEPS
    assert "Traceback" not in running[0].err
    check_same(hosts[0], alone)


@pytest.mark.parametrize("which", [0, 1], ids=["of the host that writes", "of the other host"])
def test_a_torchrun_that_is_killed_leaves_no_process_and_the_run_goes_on_later(
    hosts: tuple[Host, Host], alone: Path, which: int
) -> None:
    running = [host.start(FIXED + MORE) for host in hosts]
    wait_until(lambda: saved_step(hosts[0]) >= 10, *running)
    os.kill(running[which].process.pid, signal.SIGKILL)
    workers = [worker for each in running for worker in each.workers()]
    wait_until(lambda: not any(map(runs, workers)), *running)
    hosts[1 - which].end()  # its torchrun waits for the other one
    assert "stopped at step" in running[0].err, running[0].err
    reached = saved_step(hosts[0])
    assert reached >= 10
    again = [host.start(FIXED + MORE + " --resume", "again") for host in hosts]
    assert [each.code() for each in again] == [0, 0], again[0].err + again[1].err
    assert f"resuming at step {reached}" in again[0].err
    check_same(hosts[0], alone)


def test_local_steps_are_resumed_from_the_last_mean(hosts: tuple[Host, Host]) -> None:
    """The plan validates after 25 and 50 steps, which ends a round of steps as well."""
    running = [host.start(LOCAL + MORE) for host in hosts]
    wait_until(lambda: saved_step(hosts[0]), *running)
    (worker,) = running[1].workers()
    os.kill(worker, signal.SIGKILL)
    assert [each.code() for each in running] == [0, 0], running[0].err + running[1].err
    assert "by 2 processes, with the mean of their weights after 32 steps" in running[0].err
    assert re.findall(r"resuming at step (\d+)", running[0].err)[0] in ("25", "32")
    assert describe(hosts[0].folder / "checkpoints" / "m")["step"] == STEPS


def test_a_host_that_joins_later_takes_part(sharing: tuple[Host, Host], alone_for_long: Path) -> None:
    first = sharing[0].start(ELASTIC + LONG)
    wait_until(lambda: saved_step(sharing[0]), first)
    second = sharing[1].start(ELASTIC + LONG)
    assert (first.code(), second.code()) == (0, 0), first.err + second.err
    assert re.findall(r"tokens( by 2 processes)? on cpu", first.err) == ["", " by 2 processes"]
    assert "resuming at step" in first.err
    check_same(sharing[0], alone_for_long)


def test_without_a_host_that_vanishes_the_other_one_goes_on_from_the_last_save(
    sharing: tuple[Host, Host], alone_for_long: Path
) -> None:
    """The host that stays waits for five minutes; the one that vanished ends its process by itself."""
    stays, vanishes = (host.start(ELASTIC + LONG) for host in sharing)
    wait_until(lambda: saved_step(sharing[0]) >= 5, stays, vanishes)
    assert "by 2 processes" in stays.err
    (worker,) = vanishes.workers()
    sharing[1].vanish()
    assert stays.code(2 * 300) == 0, stays.err
    assert stays.err.count("error: another of the processes") == 1
    step = re.findall(r"resuming at step (\d+)", stays.err)[-1]
    assert 5 <= int(step) < STEPS
    wait_until(lambda: not runs(worker), vanishes)
    check_same(sharing[0], alone_for_long)
