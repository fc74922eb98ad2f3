"""Several processes that train one model together, as torchrun starts them: forked, with what it says to them."""

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from forked_trainer import fork
from torch.distributed import TCPStore

import charlm
from charlm import cli
from charlm.training.distributed import join
from charlm.training.events import Event
from charlm.training.learner import Learner
from charlm.training.local_steps import LocalSteps

_PATIENCE = 60  # seconds until a test that hangs has failed


@dataclass(frozen=True)
class Ended:
    """Exit code and output of each process."""

    codes: list[int | None]
    out: list[str]
    err: list[str]


def together(size: int, place: Path, function: Callable[..., None], *arguments: object, restarts: int = 0) -> Ended:
    """What comes of so many processes that all do this in a folder; none is left behind."""
    store = TCPStore("127.0.0.1", 0, is_master=True, timeout=timedelta(seconds=_PATIENCE), wait_for_workers=False)
    said = {"WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": store.port, "TORCHELASTIC_RUN_ID": "test"}
    said |= {"TORCHELASTIC_USE_AGENT_STORE": True, "TORCHELASTIC_RESTART_COUNT": restarts}
    processes = [
        fork(_as_rank, {**said, "RANK": rank, "LOCAL_RANK": rank}, place, function, *arguments) for rank in range(size)
    ]
    try:
        for each in processes:
            each.join(_PATIENCE)
        codes = [each.exitcode for each in processes]
    finally:
        for each in processes:
            each.kill()
            each.join()
    texts = [[(place / f"{name}{rank}").read_text() for rank in range(size)] for name in ("out", "err")]
    return Ended(codes, *texts)


def _as_rank(said: dict[str, object], place: Path, function: Callable[..., None], *arguments: object) -> None:
    os.environ.update({name: str(value) for name, value in said.items()})
    os.chdir(place)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{name}{said['RANK']}", os.O_CREAT | os.O_WRONLY | os.O_TRUNC), number)
    function(*arguments)


def rank() -> int:
    return int(os.environ["RANK"])


def command(*arguments: object) -> None:
    """`charlm ARGUMENTS...`"""
    cli.main([str(each) for each in arguments])


def train(text: str, plan: charlm.Plan, folder: Path) -> None:
    """Train, and leave the losses of all steps, and each event, in files of this process."""
    losses: list[float] = []
    learn = Learner.backward
    events: list[Event] = []

    def learned(learner: Learner, *arguments: Any) -> Any:
        found = learn(learner, *arguments)
        losses.append(found[0])
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Learner, "backward", learned)
        charlm.train(text, plan=plan, folder=folder, report=events.append)
    Path(f"losses{os.environ.get('RANK', '')}").write_text(json.dumps(losses))
    Path(f"events{os.environ.get('RANK', '')}").write_text("\n".join(map(repr, events)))


def command_with_a_signal(name: str, whose: int, call: int, *arguments: object) -> None:
    """`charlm ARGUMENTS...`, where one process gets a signal in the middle of a step."""
    learn, left = Learner.backward, call

    def learned(learner: Learner, *given: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0 and rank() == whose:
            os.kill(os.getpid(), signal.Signals[name])
        return learn(learner, *given)

    Learner.backward = learned  # type: ignore[method-assign]
    command(*arguments)


def command_with_a_nan(whose: int, call: int, *arguments: object) -> None:
    """`charlm ARGUMENTS...`, where the loss of one process is no number once."""
    taken, left = Learner._accumulate, call

    def gradients(learner: Learner, *given: Any) -> Any:
        nonlocal left
        left -= 1
        losses, state = taken(learner, *given)
        return ([float("nan")] if left == 0 and rank() == whose else losses), state

    Learner._accumulate = gradients  # type: ignore[method-assign]
    command(*arguments)


def mean_of_weights(of_ranks: list[tuple[int, float]]) -> None:
    """Print the mean of weights after local steps; each process has a number of targets and a value of its weights."""
    with join() as group:
        targets, value = of_ranks[group.rank]
        weight = torch.nn.Parameter(torch.full((2,), value))
        steps = LocalSteps([weight], {}, group)
        steps.record(1.0, targets)
        assert steps.average()
        print(weight.tolist(), flush=True)


def launcher_that_is_killed(environment: dict[str, str], place: Path, *arguments: object) -> None:
    """Start `charlm ARGUMENTS...` as torchrun starts a process, write its id to a file, and die as it trains."""
    trainer = os.fork()
    if trainer == 0:
        _as_rank(environment, place, command, *arguments)
    (place / "trainer").write_text(str(trainer))
    while not (place / "checkpoints").exists():
        time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGKILL)


def runs(process: int) -> bool:
    """Whether a process of Linux exists and has not ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
